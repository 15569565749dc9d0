import type { Handshake, RunFactOf, RunLimits, RunMode } from '@codegen/protocol/wire'
import type { LogEntry, SavedEntry } from '#runs/log-entry'
import type {
  BrainPorts,
  LoadedRun,
  ProposedAnswer,
  RunKey,
  RunSummaryChange,
  Toolbelt,
  WaitingInput,
} from '#runs/ports'
import type { AnnouncedTools } from './announced-tools.ts'
import type { Turnstile } from './turnstile.ts'

/** Who is behind a connection, as its token tells. */
export type Principal = { readonly teamId: string; readonly name: string }

/** One executor as its handshake describes it. */
export type ExecutorRecord = {
  readonly teamId: string
  readonly executorId: string
  readonly principal: string
  readonly level: 0 | 1
  readonly journalId: string
  readonly name: string
  readonly version: string
  readonly os: string
  readonly arch: string
  /** Names of the tools it says it has. */
  readonly tools: readonly string[]
}

/** The outcome of a claim: `superseded` names the epoch that is in force. */
export type Claim =
  | { readonly kind: 'claimed'; readonly epoch: number; readonly runs: readonly ClaimedRun[] }
  | { readonly kind: 'superseded'; readonly epoch: number }
  | { readonly kind: 'forbidden' }

export type ClaimedRun = {
  readonly generationId: string
  readonly sessionId: string
  readonly clientRef: string
  readonly claims: number
}

/** A run that is about to be. */
export type NewRun = RunKey & {
  readonly sessionId: string
  readonly executorId: string
  readonly epoch: number
  readonly clientRef: string
  readonly level: 0 | 1
  /** It was asked for over HTTP and is on record as queued. */
  readonly isQueued: boolean
  readonly prompt: string
  readonly cwd: string
  readonly mode: RunMode
  readonly model: string
  readonly limitsJson: string
  readonly entries: readonly LogEntry[]
}

/** What somebody asked of an executor from elsewhere: on record before it is acknowledged, and a run that is driven once a connection of it takes it up. */
export type QueuedStart = RunKey & {
  readonly sessionId: string
  readonly executorId: string
  readonly clientRef: string
  /** Who asked. */
  readonly by: string
  readonly prompt: string
  readonly cwd: string
  readonly mode: RunMode
  readonly model: string
  readonly limits?: RunLimits | undefined
  /** It goes on with a conversation there is. */
  readonly isContinued: boolean
  /** Entries on record: none, but of a fork, which begins with those of another run. */
  readonly length: number
}

/** `duplicate` is a run of the same `client_ref`; `crowded`: too many wait for this executor already. */
export type QueueOutcome =
  | { readonly kind: 'queued' | 'unknown' | 'level' | 'crowded' }
  | { readonly kind: 'duplicate'; readonly generationId: string; readonly sessionId: string }

/** `duplicate` names the run that the same `client_ref` started before. */
export type NewRunOutcome =
  | { readonly kind: 'started' }
  | { readonly kind: 'duplicate'; readonly generationId: string; readonly sessionId: string }
  | { readonly kind: 'superseded' }

/** What a run waits for that is parked: its executor, or a person. */
export type ParkedStatus = 'waiting_executor' | 'waiting_approval'

/** A command for a run, as it waits in its inbox. */
export type InboxCommand = RunKey & {
  readonly clientRef: string
  readonly by: string
} & (
    | { readonly type: 'cancel_run'; readonly reason: string }
    | ({ readonly type: 'run_input' } & Pick<WaitingInput, 'content' | 'mode'>)
    | ({ readonly type: 'approval_answer' } & Pick<ProposedAnswer, 'toolId' | 'optionId'>)
  )

export type AnswerCommand = Extract<InboxCommand, { type: 'approval_answer' }>

/** What became of an answer. `closed`: there is no such question, or it has been answered; `crowded`: too many wait for the run already. */
export type AnswerOutcome =
  | { readonly kind: 'written' | 'unknown' | 'finished' | 'closed' | 'crowded' }
  | { readonly kind: 'no-option'; readonly optionIds: readonly string[] }

/** What became of a command; `crowded`: too many inputs wait for the run already. */
export type CommandOutcome = 'written' | 'unknown' | 'finished' | 'crowded'

export type EndsAbandoned = {
  readonly afterMs: number
  readonly runsMax: number
  /** Ids of runs that are left alone. */
  readonly except: readonly string[]
  /** Makes a run's last entry out of its log. */
  toEnd(entries: readonly SavedEntry[]): AbandonedEnd
}

export type AbandonedEnd = LogEntry & { readonly fact: RunFactOf<'run_finished'> }

export type EndedRun = RunKey & { readonly entry: SavedEntry }

export type AbandonedRuns = {
  /** How many there were to look at; some may have been moving. */
  readonly found: number
  readonly ended: readonly EndedRun[]
  /** Those whose log this release cannot read: they stay open. */
  readonly unreadable: readonly (RunKey & { readonly cause: unknown })[]
}

/** What ExecutorCommunicator needs of Postgres. */
export type ExecutorStore = {
  /**
   * Makes this connection the owner of the executor's runs: its epoch is raised if it is still `namedEpoch`, and all open runs get the new one and a
   * `claimed` entry, in one transaction.
   */
  claim(executor: ExecutorRecord, namedEpoch: number | undefined): Promise<Claim>
  /** Says which tools an executor has now. False when the connection does not own it any more. */
  saveTools(executor: { teamId: string; executorId: string; epoch: number }, tools: readonly string[]): Promise<boolean>
  /** A whole run that was claimed. */
  load(key: RunKey): Promise<LoadedRun>
  /** Puts a run on record with its first entries, in one statement fenced by the executor's epoch. */
  start(run: NewRun): Promise<NewRunOutcome>
  /** Puts a start on record for the executor to take up, once for each `clientRef`. */
  queue(start: QueuedStart): Promise<QueueOutcome>
  /** The starts that wait for these executors, or the one of them with this id. */
  queuedStarts(
    executors: readonly { readonly teamId: string; readonly executorId: string }[],
    generationId?: string,
  ): Promise<readonly QueuedStart[]>
  /** The start of a run that nobody has taken up yet. */
  queuedStart(key: RunKey): Promise<QueuedStart | undefined>
  /** Makes a connection the owner of a fork that waits, as a claim does. Undefined when somebody has it, or the connection does not own its executor any more. */
  claimQueued(key: RunKey, owner: { executorId: string; epoch: number }): Promise<ClaimedRun | undefined>
  /** Ends a run that nobody has taken up, with the rest of its log. False when somebody has, or it has ended. */
  endQueued(key: RunKey, entries: readonly LogEntry[], end: RunSummaryChange): Promise<boolean>
  /** Says what the run waits for, since now; nothing when it has another owner. */
  park(key: RunKey, epoch: number, status: ParkedStatus): Promise<void>
  /**
   * Ends open runs in which nothing has happened for `afterMs`, by Postgres' clock, at most `runsMax`, in one transaction. A row that somebody holds is left
   * to him; an owner that comes back then finds the run ended.
   */
  endAbandoned(ends: EndsAbandoned): Promise<AbandonedRuns>
  /** Starts that nobody has taken up for `afterMs`, the oldest first. */
  abandonedStarts(afterMs: number): Promise<readonly QueuedStart[]>
  /** The ended runs of a conversation, oldest first; undefined when this executor has no such session. */
  conversation(
    teamId: string,
    executorId: string,
    sessionId: string,
  ): Promise<readonly (readonly SavedEntry[])[] | undefined>
  /** Writes a command; with `executorId`, only for a run of that executor. A repeat of the same `clientRef` changes nothing. */
  command(command: Exclude<InboxCommand, AnswerCommand>, executorId?: string): Promise<CommandOutcome>
  /** Writes an answer to an open question. A repeat of the same `clientRef` changes nothing. */
  answer(answer: AnswerCommand): Promise<AnswerOutcome>
  /** How a run of this executor stands; undefined when it has none of this name. */
  standingOf(key: RunKey, executorId: string): Promise<'open' | 'ended' | undefined>
  /**
   * Gives back a run that this release cannot read: it waits for one that can. Where its end was asked for it ends as cancelled, which takes no reading. True
   * when it has ended.
   */
  setAside(key: RunKey, epoch: number, reason: string): Promise<boolean>
  /** Commands that wait for these runs, but for those in `held`: `<generation_id> <client_ref>`. */
  commandsOf(keys: readonly RunKey[], held?: readonly string[]): Promise<readonly InboxCommand[]>
}

/** Presence (the seed's Redis sessions): which replica holds which live connection. Also carries wake-ups. A cache, never a fact. */
export type Presence = {
  arrived(teamId: string, executorId: string): void
  left(teamId: string, executorId: string): void
  /** Tells the owner of a run, wherever it is, to look into the run's inbox. */
  wake(key: RunKey): void
  onWake(listener: (key: RunKey) => void): void
  /** Which of these executors are connected, and to which replica. Fails where nobody can say. */
  whereAre(teamId: string, executorIds: readonly string[]): Promise<ReadonlyMap<string, string>>
}

/** One connection's way out. `send` never waits; a connection that does not read is closed. */
export type Channel = {
  send(frame: string): void
  close(code: number, reason: string): void
}

/** What ExecutorCommunicator is given. */
export type CommunicatorPorts = {
  readonly brain: BrainPorts
  readonly store: ExecutorStore
  readonly presence: Presence
  readonly server: { readonly name: string; readonly version: string }
  /** What an executor's tools are to a model. */
  toToolbelts(announced: AnnouncedTools): Toolbelts
  /** Something went wrong that no executor can be told about. */
  warn(message: string, thrown: unknown): void
}

/** What one connection is given. */
export type ConnectionPorts = CommunicatorPorts & {
  /** Where claimed runs are read, a few at a time. */
  readonly reading: Turnstile
  readonly channel: Channel
  readonly principal: Principal
  onClaimed(greeted: Greeted): void
  onClosed(greeted: Greeted | undefined): void
}

/** An executor that has been let in. */
export type Greeted = {
  readonly level: 0 | 1
  readonly executorId: string
  readonly executorKey: string
  readonly epoch: number
  readonly journalId: string
  readonly handshake: Handshake
  /** Runs it had open before. */
  readonly runs: readonly ClaimedRun[]
}

/** An executor as lists show it. */
export type ListedExecutor = {
  readonly executor_id: string
  readonly name: string
  readonly version: string
  readonly os: string
  readonly arch: string
  readonly level: number
  readonly tools: readonly string[]
  readonly runs_open: number
  readonly runs_queued: number
  readonly created_at: string
  /** When it was last let in. */
  readonly welcomed_at: string
}

/** Executors as people look for them. */
export type ExecutorList = {
  /** In the order of their ids, after `after`; `next` is the last one of this page, unless it is the last page. */
  list(
    teamId: string,
    page: { readonly limit: number; readonly after?: string | undefined },
  ): Promise<{ readonly executors: readonly ListedExecutor[]; readonly next: string | undefined }>
  find(teamId: string, executorId: string): Promise<ListedExecutor | undefined>
}

/** What an executor offers, which may be more in some folders than in others. */
export type Toolbelts = {
  /** To a run that works there. The same each time where it is the same. */
  of(cwd: string): Toolbelt
}
