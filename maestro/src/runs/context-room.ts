import { limits } from '#limits'

/** The longest request that leaves room for its answer, in tokens. */
export function requestTokensMax(contextTokens: number): number {
  const { answerTokens, answerShare } = limits.compaction
  return contextTokens - Math.min(answerTokens, Math.floor(contextTokens * answerShare))
}

/** What counts as a model's context after it refused a request of so many tokens. */
export function toRefusedContext(requestTokens: number): number {
  return Math.floor(requestTokens * limits.compaction.refusedShare)
}

/** Whether so many turns are only a few after the last compaction. */
export function isClose(turns: number, lastTurn: number): boolean {
  return turns - lastTurn < limits.compaction.turnsBetweenMin
}
