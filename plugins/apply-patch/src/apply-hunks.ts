import { lineEndsOf, linesOf, nearestPlaceInWords, shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { findLines } from './find-lines.ts'
import { limits } from './limits.ts'
import type { Hunk } from './parse-patch.ts'

/** A line without its end, and the end. */
type Line = { readonly text: string; readonly end: string }
type Place = { readonly start: number; readonly hunk: Hunk }

/**
 * The text after all hunks, each found below the one before it. Lines that stay keep every character, new ones take the line end around them, and a text without an
 * end of its last line stays so. Fails with edit.no_match, showing the nearest place, or edit.many_matches.
 */
export function applyHunks(path: string, text: string, hunks: readonly Hunk[]): string {
  const lines = linesOf(text).map(toLine)
  const texts = lines.map((line) => line.text)
  const places: Place[] = []
  let from = 0
  for (const [index, hunk] of hunks.entries()) {
    const start = startOf({ hunk, number: index + 1 }, { path, text, texts, from })
    places.push({ start, hunk })
    from = start + oldLines(hunk).length
  }
  return join(change(lines, places, lineEndsOf(text).most), lines)
}

function toLine(line: string): Line {
  const end = /\r?\n$/.exec(line)?.[0] ?? ''
  return { text: line.slice(0, line.length - end.length), end }
}

function oldLines({ lines }: Hunk): string[] {
  return lines.filter(({ kind }) => kind !== 'add').map(({ text }) => text)
}

type Target = { path: string; text: string; texts: readonly string[]; from: number }
type Numbered = { hunk: Hunk; number: number }

function startOf(numbered: Numbered, target: Target): number {
  const { hunk } = numbered
  const below = hunk.headers.reduce((from, header) => belowHeader(header, { ...target, from }), target.from)
  const wanted = oldLines(hunk)
  if (wanted.length === 0) return hunk.headers.length > 0 ? below : target.texts.length
  // The named line may itself be the first of those that stay.
  const from = hunk.headers.length > 0 ? Math.max(target.from, below - 1) : below
  const found = findLines(target.texts, wanted, { from, atEnd: hunk.atEnd })
  const [first] = found
  if (first === undefined) throw noMatch(numbered, target)
  if (found.length > 1 && hunk.headers.length === 0) throw manyMatches(numbered, target, found)
  return first
}

/** The first line that is the named one, or else the first that holds it. */
function belowHeader(header: string, { path, texts, from }: Target): number {
  const named = header.trim()
  const isNamed = [(line: string) => line.trim() === named, (line: string) => line.includes(named)]
  for (const is of isNamed) {
    const at = texts.findIndex((line, index) => index >= from && is(line))
    if (at >= 0) return at + 1
  }
  const where = from === 0 ? '' : ` below line ${from}`
  throw new Failure(
    'edit.no_match',
    `The line "${shownPath(named)}" that an @@ of the patch names is not in ${shownPath(path)}${where}; nothing was changed.`,
  )
}

function noMatch({ hunk, number }: Numbered, { path, text, texts, from }: Target): Failure {
  const wanted = oldLines(hunk)
  const head = `Hunk ${number} for ${shownPath(path)}: its lines are not in the file`
  const [anywhere] = findLines(texts, wanted, { from: 0, atEnd: false })
  if (anywhere === undefined) {
    const nearest = nearestPlaceInWords(text, wanted.join('\n'))
    return new Failure('edit.no_match', `${head}; nothing was changed. ${nearest}`)
  }
  const why = hunk.atEnd
    ? `at its end, but from line ${anywhere + 1}`
    : `below line ${from}, but from line ${anywhere + 1}: put hunks in the order of the file`
  return new Failure('edit.no_match', `${head} ${why}; nothing was changed.`)
}

function manyMatches({ number }: Numbered, { path }: Target, found: readonly number[]): Failure {
  const lines = found.slice(0, limits.placesShownMax).map((start) => start + 1)
  return new Failure(
    'edit.many_matches',
    `Hunk ${number} for ${shownPath(path)} fits from each of the lines ${lines.join(', ')}; nothing was changed. Give more lines around it, or "@@ " and a line above it.`,
  )
}

function change(lines: readonly Line[], places: readonly Place[], most: string): Line[] {
  const changed: Line[] = []
  let at = 0
  for (const { start, hunk } of places) {
    changed.push(...lines.slice(at, start))
    at = start
    for (const { kind, text } of hunk.lines) {
      const old = lines[at]
      if (kind === 'add') changed.push({ text, end: (lines[at - 1] ?? old)?.end || old?.end || most })
      else at++
      if (kind === 'keep' && old) changed.push(old)
    }
  }
  return [...changed, ...lines.slice(at)]
}

function join(changed: readonly Line[], before: readonly Line[]): string {
  const endsOpen = before.at(-1)?.end === ''
  const last = changed.length - 1
  const end = before.find((line) => line.end !== '')?.end ?? '\n'
  return changed.map((line, index) => line.text + (index === last && endsOpen ? '' : line.end || end)).join('')
}
