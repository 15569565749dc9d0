/** W3C trace context, version 00, as it stands on the wire. */
export const traceparentPattern = '^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$'

/** What a traceparent says. `flags` has the bit 1 where the trace is to be kept. */
export type TraceContext = { readonly traceId: string; readonly spanId: string; readonly flags: number }

/** Reads a traceparent; undefined where it is none, or names nothing (ids of zeros alone): then a new trace is begun. */
export function parseTraceparent(text: string | undefined): TraceContext | undefined {
  if (text === undefined || !new RegExp(traceparentPattern).test(text)) return undefined
  const [, traceId = '', spanId = '', flags = ''] = text.split('-')
  return /^0+$/.test(traceId) || /^0+$/.test(spanId)
    ? undefined
    : { traceId, spanId, flags: Number.parseInt(flags, 16) }
}

/** Writes a traceparent. */
export function toTraceparent({ traceId, spanId, flags }: TraceContext): string {
  return `00-${traceId}-${spanId}-${flags.toString(16).padStart(2, '0')}`
}
