import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { Failure } from '@codegen/protocol/failure'
import { parseLine, toLine } from './entry.ts'
import type { JournalEntry, JournalHeader } from './entry.ts'

/** The version this release writes; it refuses to touch a newer one. */
export const journalVersion = 1

/** What was found on disk. `damaged`: something in the middle could not be read and was left out. */
export type FoundJournal = {
  readonly header: JournalHeader | undefined
  readonly entries: readonly JournalEntry[]
  readonly damaged: boolean
}

/**
 * Reads a journal: a torn last line is left out, damage before it is reported. Fails with config.invalid when a newer release wrote it.
 */
export function readJournalFile(path: string): FoundJournal | undefined {
  const text = readIfThere(path)
  if (text === undefined) return undefined
  const lines = text.split('\n')
  // What follows the last newline was cut off by a crash; nothing in it was ever acted on.
  lines.pop()
  const contents = lines.map(parseLine)
  if (contents.length > 1 && contents.at(-1) === undefined) contents.pop()
  const [header, ...rest] = contents
  if (!isHeader(header)) return { header: undefined, entries: [], damaged: true }
  refuseNewer(header, path)
  const entries = rest.filter(isEntry)
  return { header, entries, damaged: entries.length < rest.length }
}

/** Puts a damaged journal beside itself, for whoever wants to look. */
export function setAside(path: string): string {
  const aside = `${path}.damaged`
  renameSync(path, aside)
  return aside
}

/** Replaces the journal in one step and leaves it open for appending. */
export function writeJournalFile(path: string, header: JournalHeader, entries: readonly JournalEntry[]): JournalFile {
  const temporary = `${path}.new`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, [header, ...entries].map(toLine).join(''), { mode: 0o600, flag: 'wx' })
  renameSync(temporary, path)
  return openForAppending(path)
}

/** A journal open for appending. A written line survives the end of this process, however it ends. */
export type JournalFile = {
  append(entry: JournalEntry): void
  readonly size: number
  close(): void
}

function openForAppending(path: string): JournalFile {
  const descriptor = openSync(path, 'a', 0o600)
  let size = fstatSync(descriptor).size
  return {
    append(entry) {
      const line = Buffer.from(toLine(entry))
      const written = writeSync(descriptor, line)
      if (written < line.byteLength) {
        ftruncateSync(descriptor, size)
        throw new Failure('file.unwritable', `The journal ${path} could not be written; is the disk full?`)
      }
      size += written
    },
    get size() {
      return size
    },
    close: () => closeSync(descriptor),
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new Failure('config.invalid', `The journal ${path} cannot be read; see who owns it.`, { cause: error })
  }
}

function isHeader(content: unknown): content is JournalHeader {
  return typeof content === 'object' && content !== null && 'journalId' in content && 'version' in content
}

/** The checksum has proved that codegend wrote it, the header that it was this version of an entry. */
function isEntry(content: unknown): content is JournalEntry {
  return typeof content === 'object' && content !== null && 'kind' in content
}

function refuseNewer(header: JournalHeader, path: string): void {
  if (header.version <= journalVersion) return
  throw new Failure(
    'config.invalid',
    `The journal ${path} was written by a newer codegend (version ${header.version}, this one reads ${journalVersion}). Start that one once more and let it finish its runs, or remove the file.`,
  )
}
