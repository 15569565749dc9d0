import type { Place } from './script.ts'

/**
 * Replaces `{{n}}` (the answer's number), `{{i}}` (the turn of the loop), `{{prompt}}`, `{{result}}` (the last tool result) and what `when`
 * caught (`{{1}}`, `{{name}}`). Any other `{{...}}` stays as it is, for code may hold it.
 */
export function fillIn(text: string, place: Place): string {
  if (!text.includes('{{')) return text
  return text.replace(/\{\{(\w+)\}\}/g, (whole, name: string) => lookUp(name, place) ?? whole)
}

/** The same for every string within a YAML value. */
export function fillInAll(value: unknown, place: Place): unknown {
  if (typeof value === 'string') return fillIn(value, place)
  if (Array.isArray(value)) return value.map((item) => fillInAll(item, place))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fillInAll(item, place)]))
}

function lookUp(name: string, place: Place): string | undefined {
  if (Object.hasOwn(place.caught, name)) return place.caught[name]
  if (name === 'n') return String(place.number)
  if (name === 'i') return String(place.turn)
  if (name === 'prompt') return place.prompt
  return name === 'result' ? (place.results.at(-1) ?? '') : undefined
}
