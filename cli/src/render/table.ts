/** Rows as aligned columns, two spaces apart; the last column is as wide as it is. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows)
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length)
  return rows.map((row) => `${toLine(row, widths)}\n`).join('')
}

function toLine(row: readonly string[], widths: readonly number[]): string {
  const isLast = (column: number): boolean => column === row.length - 1
  return row.map((cell, column) => (isLast(column) ? cell : cell.padEnd(widths[column] ?? 0))).join('  ')
}
