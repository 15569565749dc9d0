/** The payload of an event as it came: fields are looked at one by one, so a server that is newer, or wrong, breaks nothing here. */
export type Payload = Readonly<Record<string, unknown>>

export function textAt(payload: Payload, key: string): string {
  const value = payload[key]
  return typeof value === 'string' ? value : ''
}

export function numberAt(payload: Payload, key: string): number | undefined {
  const value = payload[key]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function objectAt(payload: Payload, key: string): Payload {
  const value = payload[key]
  return isPayload(value) ? value : {}
}

export function isPayload(value: unknown): value is Payload {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
