import { limits } from './limits.ts'

/** Tells a model where in a text it may have meant a piece that is not in it: the lines with their numbers, or that there are none like it. */
export function nearestPlaceInWords(text: string, piece: string): string {
  const place = nearestPlace(text, piece)
  if (!place) return 'Nothing in the file is like it: read the file again.'
  const why = place.differsInBlanksOnly ? 'These lines differ from it only in blanks' : 'The nearest place is'
  const lines = place.lines.map(
    (line, index) => `${place.firstLine + index}\t${line.slice(0, limits.nearestLineCharactersMax)}`,
  )
  return `${why}:\n${lines.join('\n')}`.toWellFormed()
}

/** Lines of a file that come nearest to a piece that is not in it. */
type NearestPlace = {
  /** From 1. */
  readonly firstLine: number
  readonly lines: readonly string[]
  /** The lines are those of the piece but for blanks. */
  readonly differsInBlanksOnly: boolean
}

/** Finds where most of the piece's lines stand together, blanks aside, or else the line most like its longest; undefined when nothing is like it. */
function nearestPlace(text: string, piece: string): NearestPlace | undefined {
  const fileLines = text.split('\n', limits.nearestLinesMax).map((line) => line.replace(/\r$/, ''))
  const pieceLines = piece
    .replace(/\r?\n$/, '')
    .split('\n', limits.nearestPieceLinesMax)
    .map(squeeze)
  const squeezed = fileLines.map(squeeze)
  const first = startOfMostLines(squeezed, pieceLines) ?? startOfMostAlike(squeezed, pieceLines)
  if (first === undefined) return undefined
  const differsInBlanksOnly = pieceLines.every((line, index) => squeezed[first + index] === line)
  const last = Math.min(first + pieceLines.length, fileLines.length, first + limits.nearestShownLinesMax)
  return { firstLine: first + 1, lines: fileLines.slice(first, last), differsInBlanksOnly }
}

/** A line by its words: what remains equal when indentation or spacing was remembered wrongly. */
function squeeze(line: string): string {
  return line.trim().replaceAll(/\s+/g, ' ')
}

/** Each equal line votes for the place where the piece would have to begin. */
function startOfMostLines(fileLines: readonly string[], pieceLines: readonly string[]): number | undefined {
  const places = new Map<string, number[]>()
  for (const [index, line] of pieceLines.entries()) {
    if (/\w/.test(line)) places.set(line, [...(places.get(line) ?? []), index])
  }
  const votes = new Map<number, number>()
  let best: number | undefined
  for (const [fileIndex, line] of fileLines.entries()) {
    for (const pieceIndex of places.get(line) ?? []) {
      const start = fileIndex - pieceIndex
      if (start < 0) continue
      votes.set(start, (votes.get(start) ?? 0) + 1)
      if (best === undefined || (votes.get(start) ?? 0) > (votes.get(best) ?? 0)) best = start
    }
  }
  return best
}

function startOfMostAlike(fileLines: readonly string[], pieceLines: readonly string[]): number | undefined {
  const longest = pieceLines.reduce((best, line) => (line.length > best.length ? line : best), '')
  const words = wordsOf(longest)
  let best: { index: number; likeness: number } | undefined
  for (const [index, line] of fileLines.entries()) {
    const likeness = likenessOf(words, wordsOf(line))
    if (likeness >= limits.likenessMin && likeness > (best?.likeness ?? 0)) best = { index, likeness }
  }
  return best && Math.max(0, best.index - pieceLines.indexOf(longest))
}

function wordsOf(line: string): Set<string> {
  return new Set(
    line
      .slice(0, limits.comparedCharactersMax)
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu),
  )
}

/** Shared words by all words: 1 when both have the same. */
function likenessOf(one: ReadonlySet<string>, other: ReadonlySet<string>): number {
  let shared = 0
  for (const word of one) if (other.has(word)) shared++
  return shared / Math.max(1, one.size + other.size - shared)
}
