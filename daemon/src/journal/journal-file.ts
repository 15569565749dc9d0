import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readFileSync,
  readSync,
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
  /** Bytes up to the end of its last whole line. */
  readonly bytes: number
}

/**
 * Reads a journal: a torn last line is left out, damage before it is reported. Fails with config.invalid when a newer release wrote it.
 */
export function readJournalFile(path: string): FoundJournal | undefined {
  const whole = readIfThere(path)
  if (whole === undefined) return undefined
  // What follows the last newline was cut off by a crash, and nothing in it was ever acted on; or somebody is just writing it.
  const bytes = whole.lastIndexOf(newline) + 1
  const lines = whole.toString('utf8', 0, bytes).split('\n')
  lines.pop()
  const contents = lines.map(parseLine)
  if (contents.length > 1 && contents.at(-1) === undefined) contents.pop()
  const [header, ...rest] = contents
  if (!isHeader(header)) return { header: undefined, entries: [], damaged: true, bytes }
  refuseNewer(header, path)
  const entries = rest.filter(isEntry)
  return { header, entries, damaged: entries.length < rest.length, bytes }
}

const newline = 0x0a

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
  return openJournalFile(path)
}

/** A journal open for appending. A written line survives the end of this process, however it ends. */
export type JournalFile = {
  append(entry: JournalEntry): void
  readonly size: number
  close(): void
}

/** Opens a journal as it is, for one more who appends to it: each line is one write, so that those of two processes never mix. */
export function openJournalFile(path: string): JournalFile {
  // Read again only when a line could not be written whole.
  const descriptor = openSync(path, 'a+', 0o600)
  let size = fstatSync(descriptor).size
  return {
    append(entry) {
      const line = Buffer.from(toLine(entry))
      const written = writeSync(descriptor, line)
      if (written < line.byteLength) {
        takeBack(descriptor, line.subarray(0, written))
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

/** Cuts a torn line off again, unless somebody else has written behind it. */
function takeBack(descriptor: number, torn: Buffer): void {
  const start = fstatSync(descriptor).size - torn.byteLength
  const last = Buffer.alloc(torn.byteLength)
  readSync(descriptor, last, 0, last.byteLength, start)
  if (last.equals(torn)) ftruncateSync(descriptor, start)
}

function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw new Failure('config.invalid', `The journal ${path} cannot be read; see who owns it.`, { cause: error })
  }
}

function isHeader(content: unknown): content is JournalHeader {
  return typeof content === 'object' && content !== null && 'journalId' in content && 'version' in content
}

/** The checksum has proved that codegend wrote it, the header that it was this version of an entry. */
export function isEntry(content: unknown): content is JournalEntry {
  return typeof content === 'object' && content !== null && 'kind' in content
}

function refuseNewer(header: JournalHeader, path: string): void {
  if (header.version <= journalVersion) return
  throw new Failure(
    'config.invalid',
    `The journal ${path} was written by a newer codegend (version ${header.version}, this one reads ${journalVersion}). Start that one once more and let it finish its runs, or remove the file.`,
  )
}
