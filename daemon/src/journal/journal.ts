import { randomUUID } from 'node:crypto'
import type { ToolResult } from '@codegen/protocol/wire'
import type { Log } from '#log'
import { limits } from '#limits'
import type { Holder, JournalEntry, JournaledRun } from './entry.ts'
import { applyEntry, emptyState, toEntries } from './fold.ts'
import type { JournaledCall, JournaledStart, JournalState } from './fold.ts'
import { journalVersion, openJournalFile, readJournalFile, setAside, writeJournalFile } from './journal-file.ts'
import type { JournalFile } from './journal-file.ts'
import { followJournal } from './journal-tail.ts'
import type { JournalTail } from './journal-tail.ts'

export type { Holder, JournaledRun, JournalEntry } from './entry.ts'
export type { JournaledCall, JournaledStart } from './fold.ts'
export type { JournalTail } from './journal-tail.ts'

/** What was started and finished on this machine. It survives the end of this process, however it ends. */
export type Journal = {
  /** Changes after a reboot and whenever something of the journal was lost. */
  readonly id: string
  readonly calls: ReadonlyMap<string, JournaledCall>
  readonly runs: ReadonlyMap<string, JournaledRun>
  /** Runs that were asked for and have no id yet. */
  readonly starts: ReadonlyMap<string, JournaledStart>
  /** Whether the machine was booted since the journal was last written: no process of before is left. */
  readonly isNewBoot: boolean
  /** Calls that an earlier codegend still runs, and who that is. While there are any the file is only ever appended to. */
  readonly held: ReadonlyMap<string, Holder>
  /** Writes one line, then applies it. Fails with file.unwritable and has then changed nothing. */
  append(entry: JournalEntry): void
  /** Applies what the holders write of the calls they hold, and tells `changed` which call that was about. */
  followHolders(changed: (toolId: string) => void): JournalTail
  /**
   * From here on the file belongs to the next codegend: these calls stay with `holder`, which is this process, and nothing is written but what becomes of them.
   * `asked` hears what the next one wants ended.
   */
  handOver(held: { holder: Holder; toolIds: readonly string[] }, asked: (end: EndHeld) => void): JournalTail
  /** Calls Maestro has not confirmed, oldest first; only of the runs wanted. */
  openToolIds(isWanted?: (generationId: string) => boolean): string[]
  /** Results Maestro has not confirmed, oldest first. */
  unstoredResults(): ToolResult[]
  close(): void
}

export type EndHeld = Extract<JournalEntry, { kind: 'end-held' }>

export type JournalOptions = {
  readonly path: string
  readonly bootId: string
  /** Whether a codegend that held calls is still there. */
  isAlive(holder: Holder): boolean
  readonly log: Log
}

/**
 * Opens the journal at `path`, made when it is not there. A torn end is cut off; damage before that is set aside, what is readable stays and the
 * id is a new one. Fails with config.invalid when a newer release wrote it or it cannot be read.
 */
export function openJournal({ path, bootId, isAlive, log }: JournalOptions): Journal {
  const found = readJournalFile(path)
  if (found?.damaged)
    log.warn('the journal was damaged; it is kept aside and a new one begins', { aside: setAside(path) })
  const state = emptyState()
  for (const entry of found?.entries ?? []) applyEntry(state, entry)

  const sameBoot = found?.header?.bootId === bootId
  const keepsId = found?.header !== undefined && !found.damaged && sameBoot
  const header = { version: journalVersion, journalId: keepsId ? found.header.journalId : randomUUID(), bootId }
  // Of a file that was set aside nobody reads what its holders go on to write.
  const held = keepsId ? findHeld(state, isAlive) : new Map<string, Holder>()
  const rewrite = (): JournalFile => writeJournalFile(path, header, toEntries(state))
  let file = held.size > 0 ? openJournalFile(path) : rewrite()
  let sizeAfterRewrite = file.size
  let isHandedOver = false

  function append(entry: JournalEntry): void {
    file.append(entry)
    applyEntry(state, entry)
    if (entry.kind === 'finished') held.delete(entry.toolId)
    if (held.size > 0 || isHandedOver) return
    if (file.size < Math.max(limits.journalBytesMax, 2 * sizeAfterRewrite)) return
    file.close()
    file = rewrite()
    sizeAfterRewrite = file.size
  }

  return {
    id: header.journalId,
    ...toViews(state),
    isNewBoot: !sameBoot,
    held,
    append(entry) {
      if (!isHandedOver || entry.kind === 'process' || entry.kind === 'finished') append(entry)
    },
    followHolders: (changed) =>
      followJournal(path, found?.bytes ?? 0, (entry) => {
        if ((entry.kind !== 'process' && entry.kind !== 'finished') || !held.has(entry.toolId)) return
        applyEntry(state, entry)
        if (entry.kind === 'finished') held.delete(entry.toolId)
        changed(entry.toolId)
      }),
    handOver({ holder, toolIds }, asked) {
      if (toolIds.length > 0) append({ kind: 'held', holder, toolIds })
      isHandedOver = true
      const ours = new Set(toolIds)
      return followJournal(path, file.size, (entry) => {
        if (entry.kind === 'end-held' && ours.has(entry.toolId)) asked(entry)
      })
    },
    close: () => file.close(),
  }
}

/** Fails with config.invalid where `openJournal` would, and changes nothing. */
export function checkJournal(path: string): void {
  readJournalFile(path)
}

function findHeld(state: JournalState, isAlive: (holder: Holder) => boolean): Map<string, Holder> {
  const held = new Map<string, Holder>()
  for (const { toolId, holder } of state.calls.values()) if (holder && isAlive(holder)) held.set(toolId, holder)
  return held
}

function toViews(state: JournalState): Pick<Journal, 'calls' | 'runs' | 'starts' | 'openToolIds' | 'unstoredResults'> {
  const { calls, runs, starts } = state
  return {
    calls,
    runs,
    starts,
    openToolIds: (isWanted = () => true) =>
      [...calls.values()]
        .filter((call) => !isConfirmed(call) && isWanted(call.generationId))
        .map((call) => call.toolId),
    unstoredResults: () =>
      [...calls.values()].flatMap(({ state: now }) => (now.kind === 'finished' && !now.stored ? [now.result] : [])),
  }
}

function isConfirmed({ state }: JournaledCall): boolean {
  return state.kind === 'finished' && state.stored
}
