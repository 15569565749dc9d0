import type { RunFactOf, RunTool, ToolResult } from '@codegen/protocol/wire'
import { createEventOutlet } from './event-outlet.ts'
import type { EventOutlet } from './event-outlet.ts'
import type { LogEntry, SavedEntry } from './log-entry.ts'
import { createMailbox } from './mailbox.ts'
import type { Mailbox } from './mailbox.ts'
import type { BrainPorts, Ending, Hands, RunKey, RunSummaryChange, Toolbelt } from './ports.ts'
import type { Transcript } from './request-text.ts'
import { applyEntry } from './run.ts'
import type { Run } from './run.ts'

/** What reaches a run from outside. */
export type Letter =
  | { readonly kind: 'result'; readonly result: ToolResult }
  | { readonly kind: 'approval'; readonly fact: RunFactOf<'approval_requested'> | RunFactOf<'approval_resolved'> }
  | { readonly kind: 'cancel'; readonly clientRef: string; readonly reason: string; readonly by: string }
  /** Time is up. */
  | { readonly kind: 'time' }
  /** The executor is gone for good: look at what that means. */
  | { readonly kind: 'lost' }
  /** This replica lets go of the run; it goes on elsewhere. */
  | { readonly kind: 'release' }

/** A run in the hands of its owner: the fold so far, and what stands ready to drive it. */
export type Drive = {
  readonly key: RunKey
  readonly ports: BrainPorts
  readonly hands: Hands
  readonly toolbelt: Toolbelt
  readonly mailbox: Mailbox<Letter>
  readonly transcript: Transcript
  readonly outlet: EventOutlet
  /** Calls whose end was asked for. */
  readonly cancelled: Set<string>
  /** The run with everything that is staged. */
  run(): Run
  /** Adds entries to the run at once and to the log with the next commit. */
  stage(entries: readonly LogEntry[], afterCommit?: () => void): void
  /**
   * Writes what is staged in one statement, after all earlier commits. True when it is on record; false when the run belongs to somebody else:
   * then nothing of it may be acted on.
   */
  commit(): Promise<boolean>
  /** Why the run must end now, if it must. */
  ending(): Ending | undefined
  /** The run cannot go on: its next step is to end so. */
  fail(ending: Ending): void
  isReleased(): boolean
  /** Lets go of the run: nothing more is written or shown. */
  release(): void
}

export type DriveStart = {
  readonly key: RunKey
  readonly epoch: number
  readonly run: Run
  readonly transcript: Transcript
  readonly hands: Hands
  readonly toolbelt: Toolbelt
  readonly ports: BrainPorts
  /** How old the run is already. */
  readonly ageMs: number
}

export function createDrive(start: DriveStart): Drive {
  const { key, ports } = start
  const startedAt = ports.now() - start.ageMs
  const outlet = createEventOutlet(ports.bus, key, start.run.length)
  const mailbox = createMailbox<Letter>()
  const timeUp = setTimeout(
    () => mailbox.post({ kind: 'time' }),
    Math.max(0, start.run.bounds.seconds * 1000 - start.ageMs),
  )
  timeUp.unref()
  let run = start.run
  let released = false
  let failure: Ending | undefined
  let staged: SavedEntry[] = []
  let afterCommit: (() => void)[] = []
  let committed: Promise<boolean> = Promise.resolve(true)

  const release = (): void => {
    released = true
    clearTimeout(timeUp)
    outlet.close()
  }
  const append = async (
    entries: readonly SavedEntry[],
    length: number,
    summary: RunSummaryChange,
  ): Promise<boolean> => {
    if (released) return false
    const owned = await ports.log.append({ ...key, epoch: start.epoch, length, entries, summary })
    if (owned) outlet.facts(entries)
    else release()
    return owned
  }

  return {
    ...start,
    mailbox,
    outlet,
    release,
    cancelled: new Set(),
    run: () => run,
    isReleased: () => released,
    ending: () => failure ?? ports.safeguards.endingOf(run, ports.now() - startedAt),
    fail(ending) {
      failure = ending
    },
    stage(entries, after) {
      for (const entry of entries) {
        const saved = { ...entry, position: run.length + 1 }
        run = applyEntry(run, saved)
        start.transcript.add(entry.shown)
        staged.push(saved)
      }
      if (after) afterCommit.push(after)
    },
    commit() {
      const entries = staged
      const callbacks = afterCommit
      if (entries.length === 0 && callbacks.length === 0) return committed
      staged = []
      afterCommit = []
      const length = run.length - entries.length
      const summary = toSummary(run)
      if (entries.length > 0) outlet.hold()
      committed = committed.then(async (owned) => {
        const kept = owned && (entries.length === 0 || (await append(entries, length, summary)))
        if (kept) for (const callback of callbacks) callback()
        return kept
      })
      return committed
    },
  }
}

function toSummary(run: Run): RunSummaryChange {
  return {
    status:
      run.outcome ??
      (run.openQuestions.size > 0 ? 'waiting_approval' : run.openCalls.size > 0 ? 'waiting_tool' : 'running'),
    turns: run.turns,
    inputTokens: run.usage.inputTokens,
    outputTokens: run.usage.outputTokens,
    error: run.error,
    finished: run.outcome !== undefined,
  }
}

/** The `run_tool` of an open call, as it is sent and sent again. */
export function toRunTool(run: Run, toolId: string): RunTool | undefined {
  const call = run.openCalls.get(toolId)
  if (!call) return undefined
  return {
    ...call.tool,
    generation_id: run.generationId,
    ...(call.timeoutMs === undefined ? {} : { timeout_ms: call.timeoutMs }),
    ...(call.bootstrap ? { bootstrap: true } : {}),
  }
}
