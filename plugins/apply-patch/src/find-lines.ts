import { limits } from './limits.ts'

/**
 * Where lines stand together, from a line on: all places, or those where only blanks at their ends differ if there is no other. `atEnd`: only as the last lines,
 * though empty ones may follow.
 */
export function findLines(
  lines: readonly string[],
  wanted: readonly string[],
  { from, atEnd }: { from: number; atEnd: boolean },
): number[] {
  const isEqual = [
    (one: string, other: string) => one === other,
    (one: string, other: string) => one.trimEnd() === other.trimEnd(),
  ]
  for (const equal of isEqual) {
    const found: number[] = []
    for (let start = from; start + wanted.length <= lines.length; start++) {
      if (!wanted.every((line, index) => equal(line, lines[start + index] ?? ''))) continue
      if (atEnd && lines.slice(start + wanted.length).some((line) => line !== '')) continue
      found.push(start)
      if (found.length > limits.placesShownMax) break
    }
    if (found.length > 0) return found
  }
  return []
}
