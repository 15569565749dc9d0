import { limits } from '@codegen/protocol/limits'
import type { Ending, Safeguards } from '#runs/ports'
import type { Run } from '#runs/run'

/**
 * Says when a run must end for its own good (R15): it was cancelled or refused, turns, tokens or seconds are used up, the same calls were asked for three times in
 * a row, or wrong ones more often than they are sent back.
 */
export const safeguards: Safeguards = {
  endingOf(run, elapsedMs) {
    return cancelled(run) ?? refused(run) ?? looping(run) ?? usedUp(run, elapsedMs)
  },
}

function cancelled(run: Run): Ending | undefined {
  if (!run.cancel) return undefined
  return { status: 'cancelled', error: { code: 'client.cancelled', message: run.cancel.reason } }
}

/** The owner of the executor's machine has the last word. */
function refused(run: Run): Ending | undefined {
  if (run.refusal === undefined) return undefined
  return { status: 'refused', error: { code: 'run.refused', message: run.refusal } }
}

function looping(run: Run): Ending | undefined {
  if (run.wrongAnswers > limits.badArgumentsMax && run.pendingRequests.length === 0) {
    const message = `The model asked for tools wrongly ${run.wrongAnswers} times in a row; try another model or a clearer prompt.`
    return { status: 'failed', error: { code: 'model.bad_answer', message } }
  }
  if (run.sameAnswers >= limits.sameCallMax && run.pendingRequests.length > 0) {
    return limit(`The model asked for the same calls ${run.sameAnswers} times in a row.`)
  }
  return undefined
}

function usedUp(run: Run, elapsedMs: number): Ending | undefined {
  const { bounds, usage } = run
  if (elapsedMs >= bounds.seconds * 1_000) return limit(`The run's time is used up (${bounds.seconds} s).`)
  // An answer that needs no further turn may end the run by itself.
  if (run.lastAnswer && !run.lastAnswer.hasRequests) return undefined
  const tokens = usage.inputTokens + usage.outputTokens
  if (tokens >= bounds.tokens) return limit(`The run's tokens are used up (${tokens} of ${bounds.tokens}).`)
  if (run.turns >= bounds.turns && run.openCalls.size === 0 && run.pendingRequests.length === 0) {
    return limit(`The run's turns are used up (${bounds.turns}).`)
  }
  return undefined
}

function limit(message: string): Ending {
  return { status: 'limit', error: { code: 'run.limit', message } }
}
