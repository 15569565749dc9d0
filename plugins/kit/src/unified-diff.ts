import { structuredPatch } from 'diff'
import type { StructuredPatchHunk } from 'diff'
import { limits } from './limits.ts'
import { linesOf, withPlainLineEnds } from './line-ends.ts'

export type Diff = {
  /** Hunks with their headers, line ends as `\n`; empty when no line differs. */
  readonly text: string
  readonly linesAdded: number
  readonly linesRemoved: number
  /** Whether `text` was cut, which it then says at its end. */
  readonly truncated: boolean
}
export type DiffBounds = { linesMax: number; charactersMax: number }

const context = 3
const shownDiff: DiffBounds = { linesMax: limits.diffLinesMax, charactersMax: limits.diffCharactersMax }

/** What changed from one text to another, line by line; differences of line ends do not count. Bounded in time and size whatever the texts are. */
export function unifiedDiff(before: string, after: string, bounds: DiffBounds = shownDiff): Diff {
  const hunks = hunksOf(before, after)
  const lines = hunks.flatMap((hunk) => [headerOf(hunk), ...hunk.lines])
  const count = (sign: string) => lines.reduce((sum, line) => sum + (line.startsWith(sign) ? 1 : 0), 0)
  return { ...cutDiff(lines, bounds), linesAdded: count('+'), linesRemoved: count('-') }
}

/** Only what lies between the common beginning and end is cut into lines and compared: a diff costs as much as the change, not as the file. */
function hunksOf(before: string, after: string): StructuredPatchHunk[] {
  const head = commonHead(before, after)
  const tail = commonTail(before, after, head)
  const middle = (text: string) => linesOf(withPlainLineEnds(text.slice(head, text.length - tail)))
  const [old, now] = [middle(before), middle(after)]
  if (old.join('') === now.join('')) return []
  const isSmall = old.length + now.length <= limits.diffComparedLinesMax
  const hunks = (isSmall ? shortestHunks(old, now) : undefined) ?? [oneHunk(old, now)]
  const linesAbove = countLineEnds(before, head)
  return hunks.map((hunk) => ({ ...hunk, oldStart: hunk.oldStart + linesAbove, newStart: hunk.newStart + linesAbove }))
}

/** Where the lines begin that differ, less some lines of context. */
function commonHead(before: string, after: string): number {
  const most = Math.min(before.length, after.length)
  let at = 0
  while (at < most && before.charCodeAt(at) === after.charCodeAt(at)) at++
  for (let lines = 0; lines <= context && at > 0; lines++) at = before.lastIndexOf('\n', at - 1)
  return Math.max(0, at + (at > 0 ? 1 : 0))
}

/** How many characters follow the lines that differ and some lines of context. */
function commonTail(before: string, after: string, head: number): number {
  const most = Math.min(before.length, after.length) - head
  let tail = 0
  while (tail < most && before.charCodeAt(before.length - 1 - tail) === after.charCodeAt(after.length - 1 - tail))
    tail++
  let at = before.length - tail
  for (let lines = 0; lines <= context; lines++) {
    const end = before.indexOf('\n', at)
    if (end < 0) return 0
    at = end + 1
  }
  return before.length - at
}

function countLineEnds(text: string, end: number): number {
  let count = 0
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) count++
  return count
}

function shortestHunks(before: string[], after: string[]): StructuredPatchHunk[] | undefined {
  const options = { context, timeout: limits.diffMsMax, maxEditLength: limits.diffEditsMax }
  return structuredPatch('', '', before.join(''), after.join(''), undefined, undefined, options)?.hunks
}

/** All old lines out, all new lines in: right for any two texts, if not short. */
function oneHunk(before: string[], after: string[]): StructuredPatchHunk {
  const lines: string[] = []
  for (const [sign, side] of [
    ['-', before],
    ['+', after],
  ] as const) {
    for (const line of side) {
      if (line.endsWith('\n')) lines.push(sign + line.slice(0, -1))
      else lines.push(sign + line, '\\ No newline at end of file')
    }
  }
  return { oldStart: 1, oldLines: before.length, newStart: 1, newLines: after.length, lines }
}

/** Where a side has no lines, the line before is named. */
function headerOf({ oldStart, oldLines, newStart, newLines }: StructuredPatchHunk): string {
  const place = (start: number, count: number) => `${count === 0 ? start - 1 : start},${count}`
  return `@@ -${place(oldStart, oldLines)} +${place(newStart, newLines)} @@`
}

function cutDiff(lines: string[], { linesMax, charactersMax }: DiffBounds): { text: string; truncated: boolean } {
  const shown: string[] = []
  let characters = 0
  for (const line of lines) {
    const short = cutLine(line)
    characters += short.length + 1
    if (shown.length === linesMax || characters > charactersMax) break
    shown.push(short)
  }
  const text = shown.join('\n').toWellFormed()
  if (shown.length === lines.length) return { text, truncated: false }
  return { text: `${text}\n[diff cut: ${shown.length} of its ${lines.length} lines shown]`, truncated: true }
}

function cutLine(line: string): string {
  const most = limits.lineCharactersMax
  return line.length <= most ? line : `${line.slice(0, most)} [line cut: ${most} of ${line.length} characters shown]`
}
