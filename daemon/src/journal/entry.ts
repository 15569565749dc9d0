import { crc32 } from 'node:zlib'
import type { RunMode, ToolResult } from '@codegen/protocol/wire'

/** A run this daemon may work for. `root` is a real path; a server never chooses it. */
export type JournaledRun = {
  readonly generationId: string
  readonly sessionId: string
  readonly clientRef: string
  readonly root: string
  readonly mode: RunMode
}

/** The codegend that runs a call although another one has taken over. `startTime` tells it from a later process with its number, where the system knows. */
export type Holder = { readonly pid: number; readonly startTime?: string }

/** One thing that happened, as one line of the journal. A release ignores the kinds it does not know. */
export type JournalEntry =
  | { readonly kind: 'start'; readonly clientRef: string; readonly root: string; readonly mode: RunMode }
  | { readonly kind: 'start-dropped'; readonly clientRef: string }
  | { readonly kind: 'run'; readonly run: JournaledRun }
  | { readonly kind: 'run-ended'; readonly generationId: string }
  | {
      readonly kind: 'received'
      readonly toolId: string
      readonly generationId: string
      readonly toolName: string
      /** Read-only or idempotent: running it again after a crash does no harm. */
      readonly repeatable: boolean
    }
  | { readonly kind: 'started'; readonly toolId: string }
  | { readonly kind: 'process'; readonly toolId: string; readonly pid: number; readonly startTime: string }
  | { readonly kind: 'finished'; readonly toolId: string; readonly result: ToolResult }
  | { readonly kind: 'stored'; readonly toolId: string }
  /** Another codegend takes over; these calls stay with the one that runs them, which writes `process` and `finished` of them and nothing else any more. */
  | { readonly kind: 'held'; readonly holder: Holder; readonly toolIds: readonly string[] }
  /** To the holder of a call: end it, because it was cancelled or because all of codegend leaves. */
  | { readonly kind: 'end-held'; readonly toolId: string; readonly why: 'cancelled' | 'leaving' }

/** The journal's first line. */
export type JournalHeader = { readonly version: number; readonly journalId: string; readonly bootId: string }

/** A line: checksum, blank, JSON, newline. */
export function toLine(content: JournalHeader | JournalEntry): string {
  const json = JSON.stringify(content)
  return `${checksum(json)} ${json}\n`
}

/** The JSON of a line without its newline; undefined where it is not what was written. */
export function parseLine(line: string): unknown {
  const json = line.slice(9)
  if (line[8] !== ' ' || line.slice(0, 8) !== checksum(json)) return undefined
  return JSON.parse(json)
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}
