import { limits } from '#limits'
import { createBrokenLine } from './broken-line.ts'
import type { Colours, Paint } from './colours.ts'
import { toDiffLines } from './diff-lines.ts'
import type { DiffLine } from './diff-lines.ts'
import type { Screen } from './screen.ts'
import { makeVisible } from './visible.ts'

/**
 * A unified diff for the terminal, indented, each line with its number in the file; its file headers are left out, the tool's line names the file.
 * A line that is too long goes on below itself, behind the numbers.
 */
export function renderDiff(diff: string, { colours, columns }: Screen): string {
  const lines = toDiffLines(diff)
  const shown = lines.slice(0, limits.diffLinesMax)
  const digits = String(Math.max(0, ...shown.map(({ number }) => number ?? 0))).length
  const isNumbered = shown.some(({ number }) => number !== undefined)
  const gutter = isNumbered ? digits + 1 : 0
  const left = lines.length - shown.length
  const rows = shown.flatMap((line, index) => {
    if (line.kind === 'hunk') return toHunk(line, index, colours)
    const number = isNumbered ? `${String(line.number ?? '').padStart(digits)} ` : ''
    return [toRow(line, { number: colours.dim(number), gutter, columns, paint: paintOf(line, colours) })]
  })
  return `${rows.join('')}${left > 0 ? `  ${colours.dim(`[${left} more lines]`)}\n` : ''}`
}

/** The diff a finished call carries: a tool that changed a file says so and shows it below its first line; others may carry or fence one. */
export function findDiff(structured: unknown, text: string): string | undefined {
  if (
    typeof structured === 'object' &&
    structured !== null &&
    'kind' in structured &&
    structured.kind === 'file_change'
  ) {
    return text.includes('\n') ? text.slice(text.indexOf('\n') + 1) : undefined
  }
  if (typeof structured === 'object' && structured !== null && 'diff' in structured) {
    return typeof structured.diff === 'string' && structured.diff !== '' ? structured.diff : undefined
  }
  return /^```diff\n([\s\S]*?)^```/m.exec(text)?.[1]
}

/** Between two places of a file, and what of it is named there. */
function toHunk({ text }: DiffLine, index: number, colours: Colours): string[] {
  if (index === 0 && text === '') return []
  return [`  ${colours.dim(`⋯ ${makeVisible(text)}`.trimEnd())}\n`]
}

type RowOptions = { number: string; gutter: number; columns: number; paint: Paint }

function toRow({ kind, text }: DiffLine, { number, gutter, columns, paint }: RowOptions): string {
  const sign = signs[kind]
  const margin = 2 + gutter + sign.length
  const first = `  ${number}${paint(sign)}`
  const visible = makeVisible(text)
  // A width that leaves no room for the text is left to the terminal.
  if (columns < margin * 2) return `${first}${paint(visible)}\n`
  const line = createBrokenLine()
  line.start({ first, rest: ' '.repeat(margin), columns: margin }, columns - 1)
  return `${first}${line.show({ text: visible.replaceAll('\t', '    '), paint })}\n`
}

const signs: Readonly<Record<DiffLine['kind'], string>> = { added: '+', removed: '-', same: ' ', hunk: '', note: '' }

function paintOf({ kind }: DiffLine, colours: Colours): Paint {
  if (kind === 'added') return colours.green
  return kind === 'removed' ? colours.red : colours.dim
}
