import { closeSync, fchmodSync, fstatSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { limits } from './limits.ts'

export type LogFields = Readonly<Record<string, unknown>>

/** What a part tells whoever looks after this daemon. Never a prompt, a result, a token or a file's content. */
export type Log = {
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  /** `error` is kept with its stack. */
  error(message: string, error: unknown, fields?: LogFields): void
}

/** The log as whoever opened it has it. */
export type OpenLog = Log & {
  /** Tells of each line as it is written. Returns the end of that. */
  subscribe(listener: (line: string) => void): () => void
  /** Writes what is waiting. */
  close(): Promise<void>
}

type Level = keyof Log
type Write = (level: Level, message: string, fields: LogFields) => void

/**
 * The log of this process: JSON lines by pino in a file of mode 0600, five files of 10 MB at most. pino is loaded beside everything else that starts;
 * lines until then are kept. `close` writes them all.
 */
export function openLog(path: string): OpenLog {
  const listeners = new Set<(line: string) => void>()
  const file = openRotatedFile(path)
  const early: Parameters<Write>[] = []
  let write: Write = (...line) => void early.push(line)
  const loaded = import('pino').then(({ pino }) => {
    const logger = pino({ base: { pid: process.pid } }, { write: take })
    write = (level, message, fields) => logger[level](fields, message)
    for (const line of early) write(...line)
  })

  function take(line: string): void {
    file.write(line)
    for (const listener of listeners) listener(line)
  }

  return {
    subscribe(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    info: (message, fields = {}) => write('info', message, fields),
    warn: (message, fields = {}) => write('warn', message, fields),
    error: (message, error, fields = {}) => write('error', message, { ...fields, err: error }),
    async close() {
      await loaded
      file.close()
    },
  }
}

type RotatedFile = { write(line: string): void; close(): void }

function openRotatedFile(path: string): RotatedFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  let open = openAppending(path)
  let closed = false
  return {
    write(line) {
      if (closed) return
      const bytes = Buffer.byteLength(line)
      if (open.size > 0 && open.size + bytes > limits.logFileBytesMax) {
        closeSync(open.descriptor)
        rotate(path)
        open = openAppending(path)
      }
      open.size += bytes
      try {
        writeSync(open.descriptor, line)
      } catch {
        // A full disk must not end the daemon; the log goes on when there is room again.
      }
    },
    close() {
      if (closed) return
      closed = true
      closeSync(open.descriptor)
    },
  }
}

function openAppending(path: string): { descriptor: number; size: number } {
  const descriptor = openSync(path, 'a', 0o600)
  fchmodSync(descriptor, 0o600)
  return { descriptor, size: fstatSync(descriptor).size }
}

/** The files of a log, newest first; those that are not there yet included. */
export function logFiles(path: string): string[] {
  return Array.from({ length: limits.logFilesMax }, (_, index) => (index === 0 ? path : `${path}.${index}`))
}

function rotate(path: string): void {
  const files = logFiles(path)
  for (let index = files.length - 1; index > 0; index -= 1) {
    try {
      renameSync(files[index - 1] ?? path, files[index] ?? path)
    } catch {
      // There is no such file yet.
    }
  }
}
