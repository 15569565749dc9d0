import type { EventPosition } from '@codegen/protocol/ids'
import type { RunFactOf, RunTool, ToolResult } from '@codegen/protocol/wire'
import { reach } from '#crash-points'
import type { Dialect } from './dialect.ts'
import { dialectNamed } from './dialects.ts'
import { EventOutlet } from './event-outlet.ts'
import type { LogEntry, SavedEntry } from './log-entry.ts'
import { createMailbox } from './mailbox.ts'
import type { Mailbox } from './mailbox.ts'
import type { TakenRun } from './observer.ts'
import type {
  BrainPorts,
  Ending,
  Hands,
  ProposedAnswer,
  RunKey,
  RunSummaryChange,
  Toolbelt,
  WaitingInput,
} from './ports.ts'
import type { Transcript } from './request-text.ts'
import { applyEntry } from './run.ts'
import type { Run } from './run.ts'
import { Stopwatch } from './stopwatch.ts'
import { WorkClock } from './work-clock.ts'

/** What reaches a run from outside. */
export type Letter =
  | { readonly kind: 'result'; readonly result: ToolResult }
  | { readonly kind: 'approval'; readonly fact: RunFactOf<'approval_requested'> | RunFactOf<'approval_resolved'> }
  | { readonly kind: 'cancel'; readonly clientRef: string; readonly reason: string; readonly by: string }
  | { readonly kind: 'input'; readonly input: WaitingInput }
  | { readonly kind: 'answer'; readonly answer: ProposedAnswer }
  /** Look again: time is up, or the executor is gone for good. */
  | { readonly kind: 'look' }
  /** This replica lets go of the run; it goes on elsewhere. */
  | { readonly kind: 'release' }
  /** The same, but an answer that is being given is put on record first. */
  | { readonly kind: 'leave' }

export type DriveStart = {
  readonly key: RunKey
  readonly epoch: number
  readonly run: Run
  readonly transcript: Transcript
  readonly hands: Hands
  readonly toolbelt: Toolbelt
  readonly ports: BrainPorts
  /** How old the run is already, and how much of that it worked. */
  readonly ageMs: number
  readonly workedMs: number
  /** It was begun before, by another owner. */
  readonly isClaimed: boolean
  /** What was kept of it while it was parked here. */
  readonly parked?: ParkedDrive | undefined
}

/** What is kept of a run that was put out of memory: all else is in its log. */
export type ParkedDrive = {
  /** Its last event; ids go on from there. */
  readonly at: EventPosition
  readonly stopwatch: Stopwatch
  readonly toolIds: readonly string[]
}

/** An answer as a run holds it: until the executor has judged it, or its question is over. */
export type HeldAnswer = ProposedAnswer & { readonly isSent: boolean }

/** A run in the hands of its owner: the fold so far, and what stands ready to drive it. */
export class Drive {
  readonly key: RunKey
  readonly ports: BrainPorts
  readonly hands: Hands
  readonly transcript: Transcript
  readonly dialect: Dialect
  readonly outlet: EventOutlet
  readonly mailbox: Mailbox<Letter> = createMailbox()
  readonly stopwatch: Stopwatch
  /** Stands still while the run waits for a person. */
  readonly clock: WorkClock
  /** It was parked here: its open calls are in its executor's hands. */
  readonly wasParked: boolean
  /** Calls whose end was asked for. */
  readonly cancelled = new Set<string>()

  /** What its executor offers now. */
  toolbelt: Toolbelt
  /** The one that its log is known to tell of. */
  recordedToolbelt: Toolbelt | undefined
  /** It goes on elsewhere from its next step on. */
  isLeaving = false
  /** What people said and no entry shows yet, oldest first. */
  inputs: readonly WaitingInput[] = []
  /** What was answered elsewhere to questions that are open, oldest first. */
  answers: readonly HeldAnswer[] = []

  readonly #epoch: number
  #run: Run
  #isReleased = false
  #parked: ParkedDrive | undefined
  #failure: Ending | undefined
  #staged: SavedEntry[] = []
  #afterCommit: (() => void)[] = []
  #committed: Promise<boolean> = Promise.resolve(true)

  constructor(start: DriveStart) {
    this.key = start.key
    this.ports = start.ports
    this.hands = start.hands
    this.toolbelt = start.toolbelt
    this.transcript = start.transcript
    this.dialect = dialectNamed(start.run.dialect)
    const { ports, key, run, parked } = start
    this.outlet = new EventOutlet(ports.bus, key, parked?.at ?? { position: run.length, k: 0 })
    this.#epoch = start.epoch
    this.#run = run
    this.wasParked = parked !== undefined
    this.stopwatch = parked?.stopwatch ?? new Stopwatch(ports.observer.runTaken(toTaken(start)), ports.now)
    const dueMs = run.bounds.seconds * 1_000
    const onDue = (): void => this.mailbox.post({ kind: 'look' })
    this.clock = new WorkClock({ now: ports.now, workedMs: start.workedMs, dueMs, onDue })
  }

  /** The run with everything that is staged. */
  get run(): Run {
    return this.#run
  }

  get isReleased(): boolean {
    return this.#isReleased
  }

  /** Why the run must end now, if it must. */
  get ending(): Ending | undefined {
    return this.#failure ?? this.ports.safeguards.endingOf(this.#run, this.clock.workedMs())
  }

  /** How many tokens fit into the run's model. */
  get contextTokens(): number {
    return this.ports.model.contextTokensOf(this.#run.model)
  }

  /** The run cannot go on: its next step is to end so. */
  fail(ending: Ending): void {
    this.#failure = ending
  }

  /** Adds entries to the run at once, and to the log with the next commit. */
  stage(entries: readonly LogEntry[], afterCommit?: () => void): void {
    for (const entry of entries) {
      const saved = { ...entry, position: this.#run.length + 1 }
      this.#run = applyEntry(this.#run, saved)
      this.transcript.add(saved)
      this.#staged.push(saved)
    }
    if (afterCommit) this.#afterCommit.push(afterCommit)
  }

  /**
   * Writes what is staged in one statement, after all earlier commits. True when it is on record; false when the run belongs to somebody
   * else: then nothing of it may be acted on. Fails with postgres.unreachable.
   */
  commit(): Promise<boolean> {
    const entries = this.#staged
    const callbacks = this.#afterCommit
    if (entries.length === 0 && callbacks.length === 0) return this.#committed
    this.#staged = []
    this.#afterCommit = []
    const length = this.#run.length - entries.length
    const summary = toSummary(this.#run)
    if (entries.length > 0) this.outlet.hold()
    this.#committed = this.#committed.then(async (owned) => {
      const kept = owned && (entries.length === 0 || (await this.#append(entries, length, summary)))
      if (kept) for (const callback of callbacks) callback()
      return kept
    })
    return this.#committed
  }

  /**
   * Writes what is staged and the run's end in one statement. An input that was accepted meanwhile keeps the run open: then nothing is written, and
   * what is staged stays so. Fails with postgres.unreachable.
   */
  async finish(end: LogEntry): Promise<'finished' | 'input-waits' | 'lost'> {
    if (!(await this.#committed) || this.#isReleased) return 'lost'
    const last = { ...end, position: this.#run.length + 1 }
    const ended = applyEntry(this.#run, last)
    const entries = [...this.#staged, last]
    const length = this.#run.length - this.#staged.length
    this.outlet.hold()
    const summary = toSummary(ended)
    const inputs = ended.inputRefs.size
    const startMs = this.ports.now()
    const outcome = await this.ports.log.finish({ ...this.key, epoch: this.#epoch, length, entries, summary, inputs })
    this.ports.observer.appended(this.ports.now() - startMs)
    if (outcome === 'finished') reach('end-recorded')
    this.outlet.facts(outcome === 'finished' ? entries : [])
    if (outcome === 'lost') this.release()
    if (outcome !== 'finished') return outcome
    const callbacks = this.#afterCommit
    this.stopwatch.left(ended.outcome)
    this.#run = ended
    this.transcript.add(last)
    this.#staged = []
    this.#afterCommit = []
    for (const callback of callbacks) callback()
    return outcome
  }

  /** Publishes entries that came on record by other ways than `commit`: a run's first ones, and its claim. */
  announce(entries: readonly SavedEntry[]): void {
    this.outlet.hold()
    this.outlet.facts(entries)
  }

  /** Lets go of the run: nothing more is written or shown. */
  release(): void {
    this.#letGo()
    this.stopwatch.left(undefined)
  }

  /** Lets go of it likewise, but it stays this replica's: whoever measures it is not told that it left. */
  park(): void {
    this.#parked = { at: this.outlet.at(), stopwatch: this.stopwatch, toolIds: [...this.#run.openCalls.keys()] }
    this.#letGo()
  }

  /** What is kept of it, once it is parked. */
  get parked(): ParkedDrive | undefined {
    return this.#parked
  }

  #letGo(): void {
    this.#isReleased = true
    this.clock.stop()
    this.outlet.close()
  }

  async #append(entries: readonly SavedEntry[], length: number, summary: RunSummaryChange): Promise<boolean> {
    if (this.#isReleased) return false
    const startMs = this.ports.now()
    const owned = await this.ports.log.append({ ...this.key, epoch: this.#epoch, length, entries, summary })
    this.ports.observer.appended(this.ports.now() - startMs)
    if (owned) this.#show(entries)
    else this.release()
    return owned
  }

  #show(entries: readonly SavedEntry[]): void {
    reach('appended')
    this.outlet.facts(entries)
    reach('published')
  }
}

function toTaken({ key, run, isClaimed, ageMs, ports }: DriveStart): TakenRun {
  const startedMs = ports.now() - ageMs
  return { generationId: key.generationId, model: run.model, startedMs, isClaimed, traceparent: run.traceparent }
}

function toSummary(run: Run): RunSummaryChange {
  return {
    status: run.outcome ?? waitingStatus(run),
    turns: run.turns,
    inputTokens: run.usage.inputTokens,
    outputTokens: run.usage.outputTokens,
    error: run.error?.replaceAll('\0', '') ?? null,
    finished: run.outcome !== undefined,
  }
}

/** What an open run does, or waits for, in the hands of its owner. */
export const openStates = ['running', 'waiting_tool', 'waiting_approval'] as const

export function waitingStatus(run: Run): (typeof openStates)[number] {
  if (run.openQuestions.size > 0) return 'waiting_approval'
  return run.openCalls.size > 0 ? 'waiting_tool' : 'running'
}

/** The `run_tool` of an open call, as it is sent and sent again. */
export function toRunTool(drive: Drive, toolId: string): RunTool | undefined {
  const { run, stopwatch } = drive
  const call = run.openCalls.get(toolId)
  if (!call) return undefined
  stopwatch.sent(toolId, call.bootstrap ? 0 : run.turns)
  const traceparent = stopwatch.traceparentOf(toolId)
  return {
    ...call.tool,
    generation_id: run.generationId,
    ...(traceparent === undefined ? {} : { traceparent }),
    ...(call.timeoutMs === undefined ? {} : { timeout_ms: call.timeoutMs }),
    ...(call.bootstrap ? { bootstrap: true } : {}),
    ...(run.isRemote ? { cwd: run.cwd, mode: run.mode } : {}),
  }
}
