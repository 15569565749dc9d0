import type { Colours } from './colours.ts'
import { columnsOf } from './columns.ts'
import { toSpans } from './markdown-spans.ts'
import type { Span } from './markdown-spans.ts'
import { plain } from './colours.ts'

/** Rows of a Markdown table as aligned columns; undefined where they are no table or wider than `room`. */
export function renderMarkdownTable(lines: readonly string[], colours: Colours, room: number): string | undefined {
  const [head, separator, ...body] = lines.map(toCells)
  if (!head || !separator?.every((cell) => /^:?-+:?$/.test(cell))) return undefined
  const bold = head.map((cell) => toCell(cell, colours, true))
  const rows = body.map((row) => row.map((cell) => toCell(cell, colours, false)))
  const widths: number[] = []
  for (const row of [bold, ...rows])
    for (const [column, { columns }] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, columns)
  const total = widths.reduce((sum, width) => sum + width, 0) + (widths.length - 1) * 2
  if (total > room) return undefined
  const isRight = widths.map((_, column) => separator[column]?.endsWith(':') && !separator[column].startsWith(':'))
  const toRow = (row: readonly Cell[]): string => {
    const cells = row.map(({ text, columns }, column) => {
      const pad = ' '.repeat((widths[column] ?? 0) - columns)
      return isRight[column] ? pad + text : text + pad
    })
    return `${cells.join('  ').trimEnd()}\n`
  }
  const rule = `${colours.dim(widths.map((width) => '─'.repeat(width)).join('  '))}\n`
  return toRow(bold) + rule + rows.map(toRow).join('')
}

type Cell = { text: string; columns: number }

function toCell(cell: string, colours: Colours, isHead: boolean): Cell {
  const { spans } = toSpans(cell, { colours, paint: isHead ? colours.bold : plain, before: '', isWhole: true })
  const paintSpan = ({ text, paint }: Span): string => (text ? paint(text) : '')
  return { text: spans.map(paintSpan).join(''), columns: columnsOf(spans.map(({ text }) => text).join('')) }
}

function toCells(line: string): string[] {
  const inner = line
    .trim()
    .replace(/^\|/, '')
    .replace(/(?<!\\)\|$/, '')
  return inner.split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll('\\|', '|'))
}
