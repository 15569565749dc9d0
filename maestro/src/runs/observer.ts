import type { ToolStatus } from '@codegen/protocol/tool'
import type { RunOutcome } from '@codegen/protocol/wire'

/**
 * What the brain needs of those who measure it. Called while runs wait: its methods are cheap and never throw. It is told names and figures, never a
 * text of a run. Times are milliseconds of BrainPorts.now().
 */
export type Observer = {
  /** A run is in this replica's hands: it begins here, or goes on here. */
  runTaken(run: TakenRun): RunObserver
  /** One statement brought entries of a run on record. */
  appended(ms: number): void
  /** A result came for a call that had ended: late, or a repeat of the one on record. */
  resultLate(status: ToolStatus): void
  /** A run that nobody came back for was ended, in nobody's hands. */
  runAbandoned(outcome: RunOutcome): void
}

export type TakenRun = {
  readonly generationId: string
  readonly model: string
  /** When it was started, wherever that was. */
  readonly startedMs: number
  /** It was begun before and has a new owner. */
  readonly isClaimed: boolean
  /** W3C trace context of whoever asked for the run. */
  readonly traceparent: string | undefined
}

/** One run as it is measured while this replica owns it. */
export type RunObserver = {
  /** What a call's executor is told to continue the trace; undefined where nobody traces. */
  traceparentOf(toolId: string): string | undefined
  modelAsked(call: ModelCall): void
  /** The model asked for a tool wrongly, so that nothing was called. */
  requestRefused(): void
  questionClosed(question: Question): void
  toolCalled(call: ToolCall): void
  /** One request to the model and all calls it led to. Turn 0 is the bootstrap. */
  turnEnded(turn: Turn): void
  /** The last that is told of it: it ended here, or (undefined) is in other hands. */
  runLeft(outcome: RunOutcome | undefined, ms: number): void
}

export type Turn = { readonly turn: number; readonly startMs: number; readonly endMs: number }

export type ModelCall = Turn & {
  /** From the last answer's end to this request; undefined for the first one here. */
  readonly sinceAnswerMs: number | undefined
  readonly firstTokenMs: number | undefined
  /** How often it was asked again after a fault that passed. */
  readonly restarts: number
  /** `answer`, `interrupted`, or the code of the failure. */
  readonly outcome: string
  /** Of an answer. */
  readonly usage: UsedTokens | undefined
}

/** Tokens as the model server counts them; cached ones are part of input. */
export type UsedTokens = { readonly inputTokens: number; readonly outputTokens: number; readonly cachedTokens: number }

export type ToolCall = Turn & {
  readonly toolId: string
  readonly toolName: string
  readonly isBootstrap: boolean
  readonly status: string
  /** How much of the time a question to the owner was open. */
  readonly questionMs: number
}

export type Question = {
  readonly toolId: string
  readonly outcome: string
  readonly startMs: number
  readonly endMs: number
}
