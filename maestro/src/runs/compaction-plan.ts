import { limits } from '#limits'
import { isClose, requestTokensMax, toRefusedContext } from './context-room.ts'
import type { Ending } from './ports.ts'
import type { Transcript } from './request-text.ts'
import type { Run } from './run.ts'

export type CompactionReason = 'full' | 'refused'

/** How a run's older part is to be summed up, or that it cannot be. */
export type CompactionPlan =
  | { readonly kind: 'refused'; readonly ending: Ending }
  | {
      readonly kind: 'compact'
      readonly reason: CompactionReason
      /** Entries from this position on stay as they are. */
      readonly keptFrom: number
      readonly hasTail: boolean
      /** Of the message that takes the place of the rest, as JSON text. */
      readonly charactersMax: number
      /** Where the request for a summary ends; undefined when none would fit. */
      readonly summaryBefore: number | undefined
    }

type Measured = { readonly run: Run; readonly transcript: Transcript; readonly contextTokens: number }

/** Whether the next request leaves too little of the model's context for its answer. */
export function isFull({ run, transcript, contextTokens }: Measured): boolean {
  return transcript.tokens > requestTokensMax(toContext(run, contextTokens))
}

/**
 * Plans a compaction from the run alone. Whole turns stay, never a result without its call, and at most a quarter of the room; what takes the place of the
 * rest is bounded likewise, so that what is left is less than half. Refused where that cannot be, or where it was done again and again within a few turns.
 */
export function planCompaction(measured: Measured, reason: CompactionReason): CompactionPlan {
  const { run, transcript } = measured
  const contextTokens =
    reason === 'refused' ? toRefusedContext(transcript.tokens) : toContext(run, measured.contextTokens)
  const roomTokens = requestTokensMax(contextTokens) - transcript.headTokens
  if (roomTokens < limits.compaction.roomTokensMin) return refused(noRoom(contextTokens, transcript.headTokens))
  const { inARow, turn } = run.compactions
  if (inARow >= limits.compaction.inARowMax && isClose(run.turns, turn)) return refused(tooOften(contextTokens, inARow))

  const tailTokensMax = Math.min(roomTokens * limits.compaction.tailShare, limits.compaction.tailTokensMax)
  const tail = transcript.answers.find(({ position }) => transcript.tokensFrom(position) <= tailTokensMax)
  const textShare = tail ? limits.compaction.textShare : limits.compaction.textShareAlone
  const textTokens = Math.min(roomTokens * textShare, limits.compaction.textTokensMax)
  const keptFrom = tail?.position ?? run.length + 1
  const summaryTokens = textTokens * limits.compaction.summaryShare + limits.compaction.questionTokens
  return {
    kind: 'compact',
    reason,
    keptFrom,
    hasTail: tail !== undefined,
    charactersMax: transcript.charactersOf(textTokens),
    summaryBefore: [keptFrom, transcript.answers.at(-1)?.position].find(
      (position) => position !== undefined && isAskable(transcript, position, { contextTokens, summaryTokens }),
    ),
  }
}

/** Why a compaction that was made is not used. */
export function tooLittle(contextTokens: number): Ending {
  return refused(
    `The model's context (${contextTokens} tokens) does not hold this run even when its older part is summed up; give it a smaller task, or set CODEGEN_MODEL to a model with a larger context.`,
  ).ending
}

/** What a refusal for length taught of the context counts from then on. */
function toContext(run: Run, contextTokens: number): number {
  return Math.min(contextTokens, run.compactions.contextTokens)
}

/** A summary is worth asking for when there is something to sum up and room for the question and its answer. */
function isAskable(
  transcript: Transcript,
  before: number,
  of: { contextTokens: number; summaryTokens: number },
): boolean {
  const tokens = transcript.tokens - transcript.tokensFrom(before)
  return tokens + of.summaryTokens <= of.contextTokens && tokens - transcript.headTokens > of.summaryTokens
}

function noRoom(contextTokens: number, headTokens: number): string {
  return `The model's context (${contextTokens} tokens) has no room for work beside the instructions and tools (${headTokens} tokens); set CODEGEN_MODEL to a model with a larger context.`
}

function tooOften(contextTokens: number, times: number): string {
  return `The model's context (${contextTokens} tokens) was full again right after the run was summed up, ${times} times in a row; ask for smaller steps, or set CODEGEN_MODEL to a model with a larger context.`
}

function refused(message: string): Extract<CompactionPlan, { kind: 'refused' }> {
  return { kind: 'refused', ending: { status: 'limit', error: { code: 'run.limit', message } } }
}
