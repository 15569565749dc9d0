import { pino } from 'pino'
import type { Logger } from 'pino'

export type Log = Logger

/** Maestro's log: JSON lines on standard error, where whoever started it keeps them. Tokens and keys are never put into it. */
export function openLog(): Log {
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ fd: 2, sync: true }))
}
