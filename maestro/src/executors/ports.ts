import type { Handshake, RunMode } from '@codegen/protocol/wire'
import type { LogEntry, SavedEntry } from '#runs/log-entry'
import type { BrainPorts, LoadedRun, RunKey, Toolbelt, WaitingInput } from '#runs/ports'

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
  readonly prompt: string
  readonly cwd: string
  readonly mode: RunMode
  readonly model: string
  readonly limitsJson: string
  readonly entries: readonly LogEntry[]
  /** System prompt and tool list, by digest. */
  readonly texts: readonly { readonly digest: string; readonly body: string }[]
}

/** `duplicate` names the run that the same `client_ref` started before. */
export type NewRunOutcome =
  | { readonly kind: 'started' }
  | { readonly kind: 'duplicate'; readonly generationId: string; readonly sessionId: string }
  | { readonly kind: 'superseded' }

/** A command for a run, as it waits in its inbox. */
export type InboxCommand = RunKey & {
  readonly clientRef: string
  readonly by: string
} & (
    | { readonly type: 'cancel_run'; readonly reason: string }
    | ({ readonly type: 'run_input' } & Pick<WaitingInput, 'content' | 'mode'>)
  )

/** What became of a command; `crowded`: too many inputs wait for the run already. */
export type CommandOutcome = 'written' | 'unknown' | 'finished' | 'crowded'

/** What ExecutorCommunicator needs of Postgres. */
export type ExecutorStore = {
  /**
   * Makes this connection the owner of the executor's runs: its epoch is raised if it is still `namedEpoch`, and all open runs get the new one and a
   * `claimed` entry, in one transaction.
   */
  claim(executor: ExecutorRecord, namedEpoch: number | undefined): Promise<Claim>
  /** A whole run that was claimed. */
  load(key: RunKey): Promise<LoadedRun>
  /** Puts a run on record with its first entries, in one statement fenced by the executor's epoch. */
  start(run: NewRun): Promise<NewRunOutcome>
  /** Says that the run waits for its executor. */
  park(key: RunKey, epoch: number): Promise<void>
  /** The ended runs of a conversation, oldest first; undefined when this executor has no such session. */
  conversation(
    teamId: string,
    executorId: string,
    sessionId: string,
  ): Promise<readonly (readonly SavedEntry[])[] | undefined>
  /** Writes a command; with `executorId`, only for a run of that executor. A repeat of the same `clientRef` changes nothing. */
  command(command: InboxCommand, executorId?: string): Promise<CommandOutcome>
  isRunOf(key: RunKey, executorId: string): Promise<boolean>
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
  /** What a handshake's tools are to a model. */
  toToolbelt(handshake: Handshake): Toolbelt
  /** Something went wrong that no executor can be told about. */
  warn(message: string, thrown: unknown): void
}

/** What one connection is given. */
export type ConnectionPorts = CommunicatorPorts & {
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
