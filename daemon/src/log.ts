import { limits } from './limits.ts'
import { openRotatedFile, rotatedFiles } from './rotated-file.ts'

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
  const file = openRotatedFile(path, bounds)
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

const bounds = { bytesMax: limits.logFileBytesMax, filesMax: limits.logFilesMax }

/** The files of codegend's log, newest first; those that are not there yet included. */
export function logFiles(path: string): string[] {
  return rotatedFiles(path, bounds)
}
