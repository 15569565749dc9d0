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
  const hunks = hunksOf(linesOf(withPlainLineEnds(before)), linesOf(withPlainLineEnds(after)))
  const lines = hunks.flatMap((hunk) => [headerOf(hunk), ...hunk.lines])
  const count = (sign: string) =>
    hunks.reduce((sum, hunk) => sum + hunk.lines.filter((line) => line.startsWith(sign)).length, 0)
  return { ...cutDiff(lines, bounds), linesAdded: count('+'), linesRemoved: count('-') }
}

/** Only what lies between the common beginning and end is compared: an edit's diff costs as much as the edit, not as the file. */
function hunksOf(before: string[], after: string[]): StructuredPatchHunk[] {
  const head = commonHead(before, after)
  const tail = commonTail(before, after, head)
  if (head === before.length && head === after.length) return []
  const from = Math.max(0, head - context)
  const middle = (lines: string[]) => lines.slice(from, Math.min(lines.length, lines.length - tail + context))
  const [old, now] = [middle(before), middle(after)]
  const hunks = shortestHunks(old, now) ?? [oneHunk(old, now, { head: head - from, tail: Math.min(tail, context) })]
  return hunks.map((hunk) => ({ ...hunk, oldStart: hunk.oldStart + from, newStart: hunk.newStart + from }))
}

function commonHead(before: string[], after: string[]): number {
  let head = 0
  while (head < before.length && head < after.length && before[head] === after[head]) head++
  return head
}

function commonTail(before: string[], after: string[], head: number): number {
  const most = Math.min(before.length, after.length) - head
  let tail = 0
  while (tail < most && before[before.length - 1 - tail] === after[after.length - 1 - tail]) tail++
  return tail
}

function shortestHunks(before: string[], after: string[]): StructuredPatchHunk[] | undefined {
  const options = { context, timeout: limits.diffMsMax, maxEditLength: limits.diffEditsMax }
  return structuredPatch('', '', before.join(''), after.join(''), undefined, undefined, options)?.hunks
}

/** All old lines out, all new lines in: right for any two texts, if not short. */
function oneHunk(before: string[], after: string[], common: { head: number; tail: number }): StructuredPatchHunk {
  const marked = (sign: string, lines: string[]) =>
    lines.flatMap((line) =>
      line.endsWith('\n') ? [sign + line.slice(0, -1)] : [sign + line, '\\ No newline at end of file'],
    )
  const { head, tail } = common
  return {
    oldStart: 1,
    oldLines: before.length,
    newStart: 1,
    newLines: after.length,
    lines: [
      ...marked(' ', before.slice(0, head)),
      ...marked('-', before.slice(head, before.length - tail)),
      ...marked('+', after.slice(head, after.length - tail)),
      ...marked(' ', before.slice(before.length - tail)),
    ],
  }
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
