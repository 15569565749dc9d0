import { Compile } from 'typebox/compile'
import { Failure } from '@codegen/protocol/failure'
import { readRunFact } from '@codegen/protocol/wire'
import { EntryInternal } from '#runs/log-entry'
import type { SavedEntry } from '#runs/log-entry'

const internalReader = Compile(EntryInternal)

export type LogRow = { position: number; type: string; payload: string; shown: string | null; internal: string | null }

/** Reads a row of the log. What an older release or another hand wrote is read like anything from outside: an entry that is no fact fails here, by name. */
export function toSavedEntry(row: LogRow): SavedEntry {
  try {
    return readEntry(row)
  } catch (thrown) {
    if (thrown instanceof Failure && thrown.code === 'run.unreadable') throw thrown
    const reason = thrown instanceof Error ? thrown.message : 'no reason given'
    const message = `Log entry ${row.position} (${row.type}) cannot be read: ${reason}`
    throw new Failure('run.unreadable', message, { cause: thrown })
  }
}

function readEntry(row: LogRow): SavedEntry {
  const frame = readRunFact(`{"type":${JSON.stringify(row.type)},"payload":${row.payload}}`)
  if ('unknown' in frame)
    throw new Failure(
      'run.unreadable',
      `Log entry ${row.position} has the unknown type "${row.type}"; a newer release may know it.`,
    )
  const internal = row.internal === null ? null : internalReader.Parse(JSON.parse(row.internal))
  return { position: row.position, fact: frame, shown: row.shown, internal }
}
