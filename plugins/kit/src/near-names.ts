import type { Files } from './context.ts'
import { limits } from './limits.ts'

/**
 * The paths that may have been meant by one that does not exist: names in the same folder that differ in letter case, Unicode form, ending or a few
 * letters, nearest first. Empty when there are none, or no such folder.
 */
export async function nearPaths(files: Files, path: string): Promise<string[]> {
  const at = path.lastIndexOf('/')
  const [folder, name] = [at < 0 ? '.' : path.slice(0, at) || '/', path.slice(at + 1)]
  const listing = await files.list(folder, { depth: 1, entriesMax: limits.nearNamesScannedMax }).catch(() => undefined)
  const near = (listing?.entries ?? [])
    .map((entry) => ({ name: entry.path, distance: distanceBetween(name, entry.path) }))
    .filter(({ distance }) => distance <= Math.max(2, name.length / 3))
    .toSorted((one, other) => one.distance - other.distance)
  return near.slice(0, limits.nearNamesMax).map((entry) => path.slice(0, at + 1) + entry.name)
}

/** Whether two names are one on a disk that ignores letter case or Unicode form. */
export function isSameName(one: string, other: string): boolean {
  return folded(one) === folded(other)
}

function distanceBetween(one: string, other: string): number {
  const [a, b] = [folded(one), folded(other)]
  if (a === b) return 0
  return withoutEnding(a) === withoutEnding(b) ? 1 : editDistance(a, b)
}

function folded(name: string): string {
  return name.normalize('NFC').toUpperCase().toLowerCase().normalize('NFC')
}

function withoutEnding(name: string): string {
  return name.replace(/(?<=.)\.[^.]*$/, '')
}

/** How many letters have to be put in, taken out or replaced. Names are at most 255 bytes long, so this is bounded. */
function editDistance(one: string, other: string): number {
  let above = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let row = 1; row <= one.length; row++) {
    const current = [row]
    for (let column = 1; column <= other.length; column++) {
      const replaced = (above[column - 1] ?? 0) + (one[row - 1] === other[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    above = current
  }
  return above[other.length] ?? 0
}
