import type { LogLevel, LogLine } from '@codegen/protocol/local'

/** Which lines of the log are wanted: of this level and above, about one run, named by the beginning of its id. */
export type LogFilter = { readonly level?: LogLevel; readonly run?: string }

/** One line of the file as it is told to others; a line of our own Maestro is unwrapped. Undefined for what is no line of ours. */
export function toLogLine(text: string): LogLine | undefined {
  const found = parseRecord(text)
  if (!found || typeof found['time'] !== 'number') return undefined
  const { level, time, pid: _pid, msg, ...fields } = found
  const line: LogLine = {
    time: new Date(time).toISOString(),
    level: toLevel(level),
    source: 'codegend',
    message: typeof msg === 'string' ? msg : '',
    fields,
  }
  return msg === 'maestro' && typeof fields['line'] === 'string' ? unwrap(line, fields['line']) : line
}

export function isWanted({ level, fields }: LogLine, filter: LogFilter): boolean {
  if (filter.level && levels.indexOf(level) < levels.indexOf(filter.level)) return false
  const { run } = filter
  if (run === undefined) return true
  return runFields.some((name) => {
    const field = fields[name]
    return typeof field === 'string' && field.startsWith(run)
  })
}

const levels: readonly LogLevel[] = ['info', 'warn', 'error']
const runFields = ['run', 'runId', 'generationId', 'generation_id']

/** pino's numbers: 30 is info, 40 warn, 50 error. */
function toLevel(level: unknown): LogLevel {
  if (typeof level !== 'number' || level < 40) return 'info'
  return level < 50 ? 'warn' : 'error'
}

/** Maestro's lines are JSON where it had the time to write them so; its last words may be anything. */
function unwrap(line: LogLine, text: string): LogLine {
  const inner = parseRecord(text)
  if (!inner || typeof inner['msg'] !== 'string') return { ...line, source: 'maestro', message: text, fields: {} }
  const { level, time: _time, msg, ...fields } = inner
  return { ...line, source: 'maestro', level: toLevel(level), message: msg, fields }
}

function parseRecord(text: string): Record<string, unknown> | undefined {
  try {
    const content: unknown = JSON.parse(text)
    return typeof content === 'object' && content !== null && !Array.isArray(content) ? { ...content } : undefined
  } catch {
    return undefined
  }
}
