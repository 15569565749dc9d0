/** One line of the result: our figure, the floor of the same run, and the most it may be. */
export type Row = {
  readonly what: string
  readonly unit: string
  readonly ours: number
  readonly floor?: number
  readonly budget?: number
  /** Where the budget comes from, when it is a ratio. */
  readonly because?: string
}

/** The table as text. A figure over its budget is marked. */
export function toTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    figure(row.ours, row.unit),
    figure(row.floor, row.unit),
    toBudget(row),
    verdict(row),
  ])
  return align([['what', 'ours', 'floor', 'budget', ''], ...cells])
}

/** A line an agent, a column a figure. */
export function toPeerTable(lines: readonly { agent: string; figures: Readonly<Record<string, string>> }[]): string {
  const names = [...new Set(lines.flatMap(({ figures }) => Object.keys(figures)))]
  return align([
    ['agent', ...names],
    ...lines.map(({ agent, figures }) => [agent, ...names.map((name) => figures[name] ?? '')]),
  ])
}

function align(all: readonly (readonly string[])[]): string {
  const widths = all[0]?.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0))) ?? []
  const lines = all.map((line) =>
    line
      .map((cell, column) => pad(cell, widths[column] ?? 0, column))
      .join('  ')
      .trimEnd(),
  )
  return `${lines.join('\n')}\n`
}

function verdict(row: Row): string {
  if (Number.isNaN(row.ours)) return 'not measured'
  if (row.budget === undefined) return ''
  return row.ours > row.budget ? 'MISSED' : 'ok'
}

function toBudget({ budget, unit, because }: Row): string {
  if (budget === undefined) return ''
  return because === undefined ? figure(budget, unit) : `${figure(budget, unit)} (${because})`
}

function figure(value: number | undefined, unit: string): string {
  if (value === undefined || Number.isNaN(value)) return '-'
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2)} ${unit}`
}

function pad(cell: string, width: number, column: number): string {
  return column === 1 || column === 2 ? cell.padStart(width) : cell.padEnd(width)
}
