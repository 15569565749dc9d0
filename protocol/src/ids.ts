import { Type } from 'typebox'
import { traceparentPattern } from './traceparent.ts'

const id = { minLength: 1, maxLength: 128, pattern: '^[!-~]+$' }

/** One run: a prompt until its end. Minted by Maestro. */
export const GenerationId = Type.String(id)
/** A conversation of several runs. Minted by Maestro. */
export const SessionId = Type.String(id)
/** One tool call, at least 122 random bits; also the key of its approval. Minted by Maestro. */
export const ToolId = Type.String(id)
/** One installation of an executor. Minted by the daemon, once. */
export const ExecutorId = Type.String(id)
/** Key of `start_run`, `run_input` and `cancel_run`. Minted by the executor. */
export const ClientRef = Type.String(id)
/** The daemon's journal; new after a reboot, loss or corruption. */
export const JournalId = Type.String(id)
/** `<position>-<k>`: `<position>-0` is the log entry at that position, `k >= 1` the decorations after it. Opaque to clients. */
export const EventId = Type.String({ pattern: '^[0-9]{1,15}-[0-9]{1,15}$' })
/** W3C trace context, version 00: `00-<trace id>-<span id>-<flags>`. Whoever gets it continues that trace; it changes nothing else. */
export const Traceparent = Type.String({ maxLength: 55, pattern: traceparentPattern })
/** A tool's name as a model may call it. */
export const ToolName = Type.String({ pattern: '^[A-Za-z][A-Za-z0-9_-]{0,63}$' })

/** The two numbers of an event id. */
export type EventPosition = { position: number; k: number }

/** Reads an `event_id`; undefined where it is not one. */
export function parseEventId(eventId: string): EventPosition | undefined {
  const match = /^([0-9]{1,15})-([0-9]{1,15})$/.exec(eventId)
  return match ? { position: Number(match[1]), k: Number(match[2]) } : undefined
}

/** Writes an `event_id`. */
export function toEventId(position: number, k: number): string {
  return `${position}-${k}`
}

/** Negative when `a` comes before `b`. */
export function compareEventPositions(a: EventPosition, b: EventPosition): number {
  return a.position - b.position || a.k - b.k
}
