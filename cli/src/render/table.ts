import { columnsOf, cutToColumns } from './columns.ts'

/**
 * Rows as aligned columns, two spaces apart. The last column ends where the terminal does; with `columns` 0 it is as wide as it is, and so it is
 * where the other columns leave it no room.
 */
export function renderTable(rows: readonly (readonly string[])[], columns = 0): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, columnsOf(cell))
  return rows.map((row) => `${toLine(row, widths, columns)}\n`).join('')
}

const lastColumnsMin = 10

function toLine(row: readonly string[], widths: readonly number[], columns: number): string {
  const last = row.length - 1
  const before = row.slice(0, last).map((cell, column) => pad(cell, widths[column] ?? 0))
  const room = columns - before.reduce((sum, cell) => sum + columnsOf(cell) + 2, 0)
  const end = row[last] ?? ''
  return [...before, room < lastColumnsMin ? end : cutToColumns(end, room)].join('  ')
}

function pad(cell: string, columns: number): string {
  return cell + ' '.repeat(columns - columnsOf(cell))
}
