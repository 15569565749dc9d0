import { closeSync, openSync, readSync, watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { limits } from '#limits'
import { parseLine } from './entry.ts'
import type { JournalEntry } from './entry.ts'
import { isEntry } from './journal-file.ts'

/** The lines that come to a journal, whoever writes them. */
export type JournalTail = {
  /** Takes what is there by now. */
  read(): void
  stop(): void
}

/** Tells of each whole line after the first `from` bytes, in order: soon after it was written, and at the latest after limits.journalLookMs. */
export function followJournal(path: string, from: number, take: (entry: JournalEntry) => void): JournalTail {
  const descriptor = openSync(path, 'r')
  let readTo = from
  let rest = Buffer.alloc(0)
  let isStopped = false

  function read(): void {
    if (isStopped) return
    const piece = Buffer.alloc(limits.journalPieceBytes)
    for (;;) {
      const bytes = readSync(descriptor, piece, 0, piece.byteLength, readTo)
      if (bytes === 0) return
      readTo += bytes
      rest = Buffer.concat([rest, piece.subarray(0, bytes)])
      takeLines()
      if (isStopped) return
    }
  }

  function takeLines(): void {
    const end = rest.lastIndexOf(0x0a) + 1
    if (end === 0) return
    const lines = rest.toString('utf8', 0, end - 1).split('\n')
    rest = rest.subarray(end)
    for (const content of lines.map(parseLine)) if (isEntry(content)) take(content)
  }

  // Where the system does not tell of changes, or of some only, they are found by looking.
  const watcher = watchIfPossible(path, read)
  const timer = setInterval(read, limits.journalLookMs)
  return {
    read,
    stop() {
      if (isStopped) return
      isStopped = true
      watcher?.close()
      clearInterval(timer)
      closeSync(descriptor)
    },
  }
}

function watchIfPossible(path: string, changed: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(path, changed)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    // The system has no watches left.
    return undefined
  }
}
