import type { Failure } from '@codegen/protocol/failure'
import type { EventPosition } from '@codegen/protocol/ids'
import type { InputMode, RunFinished, RunOutcome, RunTool } from '@codegen/protocol/wire'
import type { AnswerPart, DialectName } from './dialect.ts'
import type { LogEntry, SavedEntry } from './log-entry.ts'
import type { Observer } from './observer.ts'
import type { Run } from './run.ts'
import type { ToolRequest } from './tool-request.ts'

/** Names a run, with the team it belongs to: every query and every stream takes both. */
export type RunKey = { readonly teamId: string; readonly generationId: string }

/** What the brain needs of a model. `llm/` provides it. */
export type ModelClient = {
  /** The model a run uses when it names none. Fails with model.unconfigured, model.unreachable or model.unknown in one sentence that says what to set. */
  defaultModel(signal: AbortSignal): Promise<string>
  /** Connects ahead of a request; cheap when that is done already. Never fails. */
  warm(): Promise<void>
  /** How the requests of a new run are written. Saved with the run: whoever goes on with it goes on so. */
  requestStyle(run: { readonly model: string; readonly sessionId: string }): RequestStyle
  /** How many tokens a request to this model and its answer may have together, as far as it is known; see docs/models.md. */
  contextTokensOf(model: string): number
  /** What an answer of this model cost, in millionths of a US dollar; undefined where no price is configured. */
  costMicrosOf(model: string, usage: ModelUsage): number | undefined
  /**
   * Sends one request (`body` is its JSON text, sent byte for byte) to the API of its dialect and reads the streamed answer. Transient faults (429, 5xx,
   * cut and stalled streams) are tried again inside, each time after `onRestart`. Never rejects for a fault of the model: those are values.
   */
  ask(request: ModelRequest, signal: AbortSignal): Promise<ModelAnswer | ModelFault>
}

/** How a run's requests are written. `options`: what else each of them carries, as JSON members with their commas. */
export type RequestStyle = { readonly dialect: DialectName; readonly options: string }

export type ModelRequest = {
  readonly dialect: DialectName
  readonly body: string
  onText(delta: string): void
  onReasoning(delta: string): void
  /** What was shown of this answer is void: it is asked for again. */
  onRestart(reason: string): void
}

export type ModelAnswer = {
  readonly kind: 'answer'
  readonly content: string
  readonly requests: readonly ToolRequest[]
  /** The same in the model's own order, with the thoughts that are to go back to it; absent where the order tells nothing. */
  readonly parts?: readonly AnswerPart[] | undefined
  readonly finishReason: 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'other'
  readonly usage: ModelUsage
}

export type ModelFault = { readonly kind: 'fault'; readonly failure: Failure }

/** Tokens of one answer; zeros when the server told none. */
export type ModelUsage = {
  readonly inputTokens: number
  readonly outputTokens: number
  /** Of the input: what the provider's cache held. */
  readonly cachedTokens: number
  /** Of the output: what was thought and not said. */
  readonly reasoningTokens: number
}

/** What the brain needs of Postgres for a run it owns. */
export type RunLog = {
  /**
   * Appends entries in one statement, fenced by the run's epoch and length: true when they are on record, false when this replica does not own
   * the run any more (nothing was written). Fails with postgres.unreachable.
   */
  append(append: RunAppend): Promise<boolean>
  /**
   * Appends a run's last entries, and its end with them, if it has seen every input that was accepted for it; `inputs` is how many those are. Nothing
   * was written unless it has finished.
   */
  finish(append: RunAppend & { readonly inputs: number }): Promise<'finished' | 'input-waits' | 'lost'>
  /** The inputs in a run's inbox, oldest first. */
  waitingInputs(key: RunKey): Promise<readonly WaitingInput[]>
  /** The facts after a position, oldest first, at most `limit`. */
  factsAfter(key: RunKey, position: number, limit: number): Promise<readonly PublishedEvent[]>
  /** Marks commands as taken. */
  markTaken(key: RunKey, clientRefs: readonly string[]): Promise<void>
}

/** What a person said to an open run, as it waits in its inbox. */
export type WaitingInput = {
  readonly clientRef: string
  readonly content: string
  readonly mode: InputMode
  readonly by: string
}

/** What somebody answered to a question elsewhere, as it waits in the run's inbox until the executor has judged it. */
export type ProposedAnswer = {
  readonly clientRef: string
  readonly toolId: string
  readonly optionId: string
  readonly by: string
}

export type RunAppend = RunKey & {
  readonly epoch: number
  /** The run's length before these entries. */
  readonly length: number
  readonly entries: readonly LogEntry[]
  readonly summary: RunSummaryChange
}

/** What the run's row says beside its log, for lists. */
export type RunSummaryChange = {
  readonly status: string
  readonly turns: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly error: string | null
  readonly finished: boolean
}

/** An event as every viewer is sent it. `text` is the JSON of `{type, payload}`. */
export type PublishedEvent = { readonly at: EventPosition; readonly type: string; readonly text: string }

/** What the brain needs of the event bus. It is a cache: never the only place a fact is in. */
export type EventBus = {
  /** Whether a subscriber is also handed what was published before, decorations and all, as far as it is still kept. */
  readonly replays: boolean
  /** Hands events to viewers, in order. Never throws and never waits. */
  publish(key: RunKey, events: readonly PublishedEvent[]): void
  /**
   * Calls back with events of this run from now on (and perhaps some before), in order, perhaps with gaps. `owner` hears only this
   * replica's own runs, without a detour; `anywhere` hears them from every replica.
   */
  subscribe(key: RunKey, scope: 'owner' | 'anywhere', listener: (events: readonly PublishedEvent[]) => void): () => void
}

/** What the brain needs of the executor that holds a run's hands. */
export type Hands = {
  readonly journalId: string
  /** Sends calls that are on record, in order. */
  callTools(calls: readonly RunTool[]): void
  cancelTool(generationId: string, toolId: string, reason: string): void
  /** Tells it what somebody answered to its question; it alone decides. */
  proposeAnswer(answer: ProposedAnswer): void
  /** Tells the executor that a reliable message of its is on record. */
  stored(ref: string): void
  runFinished(finished: RunFinished): void
}

/** Which tools a run's executor offers, and the judge of what a model asks of them. `toolbelt/` provides it. */
export type Toolbelt = {
  readonly names: readonly string[]
  /** The JSON text of the request's `tools`, the same bytes for the same tools. */
  readonly json: string
  /** Parses a request's arguments and checks them against the tool's schema; nothing is coerced or guessed. */
  check(request: ToolRequest): CheckedRequest
}

export type CheckedRequest =
  | { readonly kind: 'call'; readonly parameters: Record<string, unknown>; readonly timeoutMs: number | undefined }
  | { readonly kind: 'wrong'; readonly failure: Failure }

/** Says when a run must end for its own good. `safeguards/` provides it. */
export type Safeguards = { endingOf(run: Run, elapsedMs: number): Ending | undefined }

/** Why and how a run ends. */
export type Ending = {
  readonly status: RunOutcome
  readonly error: { readonly code: string; readonly message: string } | undefined
}

/** Everything the brain is given. */
export type BrainPorts = {
  readonly model: ModelClient
  readonly log: RunLog
  readonly bus: EventBus
  readonly safeguards: Safeguards
  readonly observer: Observer
  /** A run that waits for a person is put out of memory after this. */
  readonly parkAfterMs: number
  /** Monotonic milliseconds. */
  now(): number
  /** At least 122 random bits. */
  mintId(): string
}

/** A run as it is loaded when it is claimed. */
export type LoadedRun = {
  readonly entries: readonly SavedEntry[]
  readonly epoch: number
  readonly level: 0 | 1
  readonly executorId: string
  readonly teamId: string
  readonly claims: number
  /** How long ago it was started, and how much of that it worked (see toWorkedMs), by Postgres' clock. */
  readonly ageMs: number
  readonly workedMs: number
  readonly systemPrompt: string
  readonly toolsJson: string
}

/** A run as lists show it. */
export type ListedRun = {
  readonly generation_id: string
  readonly session_id: string
  readonly executor_id: string
  readonly status: string
  readonly prompt: string
  readonly cwd: string
  readonly mode: string
  readonly model: string
  readonly created_at: string
  readonly finished_at: string | null
  readonly turns: number
  readonly input_tokens: number
  readonly output_tokens: number
  readonly error: string | null
  /** Its newest fact. */
  readonly last_event_id: string
}

/** Which runs a list may show: those of a team, and of them what else is named. Times are ISO 8601. */
export type RunFilter = {
  readonly teamId: string
  readonly executorId?: string | undefined
  readonly sessionId?: string | undefined
  readonly statuses?: readonly string[] | undefined
  readonly since?: string | undefined
  readonly until?: string | undefined
  /** Somewhere in the prompt, in whatever case. */
  readonly text?: string | undefined
}

/** Where a page of a list ended; opaque outside of `RunList`. */
export type ListCursor = { readonly createdAt: string; readonly generationId: string }

/** Runs as people look for them. */
export type RunList = {
  /** The newest first, after the place where the page before ended; `next` is where this one did, unless it is the last. */
  list(
    filter: RunFilter,
    page: { readonly limit: number; readonly after?: ListCursor | undefined },
  ): Promise<{ readonly runs: readonly ListedRun[]; readonly next: ListCursor | undefined }>
  /** The runs whose id begins so, two at the most. */
  find(filter: Pick<RunFilter, 'teamId' | 'executorId'>, idStart: string): Promise<readonly ListedRun[]>
}
