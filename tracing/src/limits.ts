/** Durations in milliseconds. */
export const limits = {
  /** A text in a span, of whatever kind. */
  spanTextCharactersMax: 256,
  /** When a program leaves, for the spans that have not been sent. */
  tracesFlushMsMax: 2_000,
} as const
