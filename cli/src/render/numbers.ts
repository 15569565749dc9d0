/** 12345 -> 12,345. */
export function toCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A duration as a person says it: 38 ms, 1.2 s, 3 min 5 s. */
export function toDuration(milliseconds: number): string {
  if (milliseconds < 995) return `${Math.round(milliseconds)} ms`
  const seconds = milliseconds / 1000
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`
  return `${Math.floor(seconds / 60)} min ${Math.floor(seconds % 60)} s`
}

/** A duration that goes on: 12 s, 3 min 5 s. */
export function toSeconds(milliseconds: number): string {
  const seconds = Math.floor(milliseconds / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/** `1 turn`, `2 turns`. */
export function countOf(count: number, thing: string): string {
  return `${toCount(count)} ${thing}${count === 1 ? '' : 's'}`
}

/** Millionths of a dollar as a price; under a cent as exactly as it takes to see it. */
export function toDollars(micros: number): string {
  return `$${(micros / 1e6).toFixed(micros >= 1e6 || micros === 0 ? 2 : 4)}`
}
