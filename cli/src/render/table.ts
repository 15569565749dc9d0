/** Rows as aligned columns, two spaces apart; the last column is as wide as it is. */
export function renderTable(rows: readonly (readonly string[])[]): string {
  const widths: number[] = []
  for (const row of rows) row.forEach((cell, column) => (widths[column] = Math.max(widths[column] ?? 0, cell.length)))
  return rows.map((row) => `${row.map((cell, column) => toCell(cell, column, row, widths)).join('  ')}\n`).join('')
}

function toCell(cell: string, column: number, row: readonly string[], widths: readonly number[]): string {
  return column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)
}
