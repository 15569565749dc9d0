import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { limits } from '#limits'

/** What was entered before, here and in other terminals. */
export type History = {
  /** Oldest first. */
  readonly entries: readonly string[]
  /** Keeps an entry; one that is the same as the last is not kept again. */
  add(entry: string): void
}

/**
 * Reads the history from a file: one JSON string a line, so that an entry of several lines stays one. Each entry is appended in one piece: terminals that
 * write at the same time lose nothing of each other. A file that has grown to its limit becomes `FILE.old`, which replaces the one before, so both are
 * bounded. Without a file that can be written the history is that of this conversation; `onFault` is told once.
 */
export function openHistory(path: string, onFault: (reason: string) => void): History {
  const entries: string[] = []
  let isBroken = false

  function attempt(act: () => void): void {
    if (isBroken) return
    try {
      act()
    } catch (error) {
      isBroken = true
      onFault(error instanceof Error ? error.message : String(error))
    }
  }

  function remember(entry: string): boolean {
    if (entry === '' || entry === entries.at(-1)) return false
    entries.push(entry)
    if (entries.length > limits.historyEntriesMax) entries.shift()
    return true
  }

  attempt(() => {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    for (const file of [`${path}.old`, path]) for (const entry of readEntries(file)) remember(entry)
  })
  return {
    entries,
    add(entry) {
      if (!remember(entry) || entry.length > limits.historyEntryCharactersMax) return
      attempt(() => {
        makeRoom(path)
        appendFileSync(path, `${JSON.stringify(entry)}\n`, { mode: ownerOnly })
        // One that was there before may be open to others.
        chmodSync(path, ownerOnly)
      })
    },
  }
}

const ownerOnly = 0o600

function readEntries(path: string): string[] {
  if (sizeOf(path) === 0) return []
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const entry = parseEntry(line)
      return entry === undefined ? [] : [entry]
    })
}

/** Undefined for a line that somebody else wrote, or that was cut off. */
function parseEntry(line: string): string | undefined {
  try {
    const entry: unknown = JSON.parse(line)
    return typeof entry === 'string' ? entry : undefined
  } catch {
    return undefined
  }
}

function makeRoom(path: string): void {
  if (sizeOf(path) < limits.historyBytesMax) return
  const lock = `${path}.lock`
  if (!takeLock(lock)) return
  try {
    // Another terminal may have been first.
    if (sizeOf(path) >= limits.historyBytesMax) renameSync(path, `${path}.old`)
  } finally {
    rmSync(lock, { force: true })
  }
}

/** Whoever is too late appends to the full file. A lock that is left over from a crash is taken away. */
function takeLock(lock: string): boolean {
  try {
    closeSync(openSync(lock, 'wx', ownerOnly))
    return true
  } catch {
    const made = statSync(lock, { throwIfNoEntry: false })?.mtimeMs
    if (made !== undefined && Date.now() - made > limits.historyLockMsMax) rmSync(lock, { force: true })
    return false
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
