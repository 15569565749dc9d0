import { randomUUID } from 'node:crypto'
import type { ToolResult } from '@codegen/protocol/wire'
import type { Log } from '#log'
import { limits } from '#limits'
import type { JournalEntry, JournaledRun } from './entry.ts'
import { applyEntry, emptyState, toEntries } from './fold.ts'
import type { JournaledCall, JournaledStart, JournalState } from './fold.ts'
import { journalVersion, readJournalFile, setAside, writeJournalFile } from './journal-file.ts'

export type { JournaledRun, JournalEntry } from './entry.ts'
export type { JournaledCall, JournaledStart } from './fold.ts'

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
  /** Writes one line, then applies it. Fails with file.unwritable and has then changed nothing. */
  append(entry: JournalEntry): void
  /** Calls Maestro has not confirmed, oldest first; only of the runs wanted. */
  openToolIds(isWanted?: (generationId: string) => boolean): string[]
  /** Results Maestro has not confirmed, oldest first. */
  unstoredResults(): ToolResult[]
  close(): void
}

/**
 * Opens the journal at `path`, made when it is not there. A torn end is cut off; damage before that is set aside, what is readable stays and the
 * id is a new one. Fails with config.invalid when a newer release wrote it or it cannot be read.
 */
export function openJournal({ path, bootId, log }: { path: string; bootId: string; log: Log }): Journal {
  const found = readJournalFile(path)
  if (found?.damaged)
    log.warn('the journal was damaged; it is kept aside and a new one begins', { aside: setAside(path) })
  const state = emptyState()
  for (const entry of found?.entries ?? []) applyEntry(state, entry)

  const sameBoot = found?.header?.bootId === bootId
  const keepsId = found?.header !== undefined && !found.damaged && sameBoot
  const header = { version: journalVersion, journalId: keepsId ? found.header.journalId : randomUUID(), bootId }
  let file = writeJournalFile(path, header, toEntries(state))
  let sizeAfterRewrite = file.size

  return {
    id: header.journalId,
    ...toViews(state),
    isNewBoot: !sameBoot,
    append(entry) {
      file.append(entry)
      applyEntry(state, entry)
      if (file.size < Math.max(limits.journalBytesMax, 2 * sizeAfterRewrite)) return
      file.close()
      file = writeJournalFile(path, header, toEntries(state))
      sizeAfterRewrite = file.size
    },
    close: () => file.close(),
  }
}

function toViews(state: JournalState): Omit<Journal, 'id' | 'isNewBoot' | 'append' | 'close'> {
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
