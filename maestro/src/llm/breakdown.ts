/** What went wrong on the way to an answer. */
export type BreakdownCause =
  /** The server said no; `headers` and `body` are its words. */
  | { readonly kind: 'refused'; readonly status: number; readonly headers: Headers; readonly body: string }
  /** No connection came about; `code` is the system's or TLS's word. */
  | { readonly kind: 'unconnected'; readonly code: string }
  /** The connection or the stream ended before the answer did; `wasIdle`: it had been kept from an earlier request and carried nothing of this one. */
  | { readonly kind: 'cut'; readonly wasIdle: boolean }
  | { readonly kind: 'silent'; readonly ms: number }
  /** What came is no answer of a model server. */
  | { readonly kind: 'garbled'; readonly what: string }
  /** The server told a fault inside the stream. */
  | { readonly kind: 'told'; readonly error: unknown }
  | { readonly kind: 'cancelled' }

/** How a broken exchange travels through the `openai` client, which wraps it. It never leaves this folder. */
export class Breakdown extends Error {
  readonly detail: BreakdownCause

  constructor(detail: BreakdownCause, cause?: unknown) {
    // The client looks for certain words in messages; these have none of them.
    super(`model exchange ${detail.kind}`, cause === undefined ? undefined : { cause })
    // The client ends a stream quietly on this name.
    this.name = detail.kind === 'cancelled' ? 'AbortError' : 'Breakdown'
    this.detail = detail
  }
}

/** Finds the breakdown inside what was thrown. */
export function breakdownIn(thrown: unknown): Breakdown | undefined {
  let error = thrown
  for (let depth = 0; depth < 5 && error instanceof Error; depth++) {
    if (error instanceof Breakdown) return error
    error = error.cause
  }
  return undefined
}
