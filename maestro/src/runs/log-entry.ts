import type { RunFact } from '@codegen/protocol/wire'

/** One entry of a run's log: the fact viewers are sent, what it shows the model, and what neither sees. */
export type LogEntry = {
  readonly fact: RunFact
  /** Chat messages as JSON texts joined by commas, rendered once; null when it shows the model nothing. */
  readonly shown: string | null
  readonly internal: EntryInternal | null
}

export type SavedEntry = LogEntry & { readonly position: number }

export type EntryInternal = {
  /** Of an answer: SHA-256 of the request it answers. */
  readonly request_digest?: string
  /** Of a call and its result: the id the model gave its request. */
  readonly request_id?: string
  /** Of a call: the journal it was sent to; it is never sent to another. */
  readonly journal_id?: string
  readonly timeout_ms?: number
  /** Of a finished call that was never sent: the model's request was wrong. */
  readonly wrong?: true
  /** Of the first entry: what the run may use up. */
  readonly limits?: RunBounds
}

/** What a run may use up before it is ended. */
export type RunBounds = { readonly turns: number; readonly tokens: number; readonly seconds: number }

/** An entry that shows the model nothing. */
export function unshown(fact: RunFact, internal: EntryInternal | null = null): LogEntry {
  return { fact, shown: null, internal }
}
