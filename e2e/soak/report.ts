import { judge } from './judge.ts'
import type { Judged } from './judge.ts'
import type { Figure } from './sample.ts'
import type { Tally } from './work.ts'

/** A figure with what became of it. */
export type Finding = Judged & { readonly figure: Figure }

export function judgeFigures(figures: readonly Figure[]): Finding[] {
  return figures.map((figure) => ({ figure, ...judge(figure.samples, figure.bound) }))
}

/** The table at the end. */
export function toTable(findings: readonly Finding[]): string[] {
  const lines = findings.map(({ figure, begin, end, perHour, perHourError, verdict }) => [
    figure.of,
    figure.what,
    number(begin),
    number(end),
    `${number(perHour)} ± ${number(perHourError)}`,
    figure.bound ? `${figure.bound.growthMax}, ${figure.bound.perHourMax}` : '',
    verdict,
  ])
  const all = [['of', 'what', 'begin', 'end', 'per hour', 'at most in all, per hour', ''], ...lines]
  const widths = all[0]?.map((_, column) => Math.max(...all.map((line) => line[column]?.length ?? 0))) ?? []
  return all.map((line) =>
    line
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

/** The line every now and then. */
export function toLine(figures: readonly Figure[], tally: Tally, seconds: number): string {
  const last = (of: string, what: string): string =>
    number(figures.find((figure) => figure.of === of && figure.what === what)?.samples.at(-1)?.value ?? NaN)
  const of = (name: string): string =>
    `${name} ${last(name, 'memory')} MB, heap ${last(name, 'heap after collection')} MB, ${last(name, 'descriptors')} descriptors, ${last(name, 'processes')} processes`
  return `${seconds.toFixed(0)} s  ${of('codegend')}  ${of('maestro')}  ${toCounts(tally)}`
}

export function toCounts({ runs, calls, reloads, viewers, faults }: Tally): string {
  return `runs ${listed(runs)}; calls ${listed(calls)}; reloads ${listed(reloads)}; ${viewers} viewers; ${faults.length} faults`
}

function listed(counts: ReadonlyMap<string, number>): string {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const parts = [...counts].map(([name, count]) => `${count} ${name}`)
  return total === 0 ? '0' : `${total} (${parts.join(', ')})`
}

function number(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1)
}
