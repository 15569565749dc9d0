import type { Findings } from './collect.ts'
import { percentile } from './gaps.ts'
import type { Gap } from './gaps.ts'

/** What else is told of a trial. */
export type Trialled = {
  readonly seed: number
  readonly wanted: number
  readonly seconds: number
  readonly struck: ReadonlyMap<string, number>
  readonly deaths: ReadonlyMap<string, number>
  readonly crashPoints: readonly string[]
}

/** The rows that have to be zero, each with what it found. */
export function zerosOf(
  { faults, viewers, unended }: Findings,
  missing: number,
): [string, number, readonly string[]][] {
  return [
    ['runs that did not end', unended.length + missing, unended],
    ['calls that ran twice', faults.ranTwice.length, faults.ranTwice],
    ['results recorded twice', faults.recordedTwice.length, faults.recordedTwice],
    ['outcomes that were untrue', faults.untrue.length, faults.untrue],
    ['acknowledged inputs that were lost', faults.lostInputs.length, faults.lostInputs],
    ['gaps in a log', faults.gaps.length, faults.gaps],
    ['stale writes accepted', faults.staleWrites.length, faults.staleWrites],
    ['events missing', viewers.missing, viewers.notes],
    ['events doubled', viewers.doubled, viewers.notes],
    ['events out of order', viewers.disordered, viewers.notes],
  ]
}

export function toReport(findings: Findings, trialled: Trialled): string[] {
  const { viewers, gaps } = findings
  const total = (counts: ReadonlyMap<string, number>): number =>
    [...counts.values()].reduce((sum, count) => sum + count, 0)
  const gap = (name: string, found: readonly Gap[]): string => {
    const values = found.map(({ ms }) => ms)
    return row(
      name,
      values.length === 0
        ? 'none'
        : `p50 ${seconds(percentile(values, 0.5))}  p95 ${seconds(percentile(values, 0.95))}  max ${seconds(percentile(values, 1))}  (${values.length})`,
    )
  }
  const moved = [...gaps.replica, ...gaps.drain, ...gaps.cut]
  const reached = trialled.crashPoints.filter((point) => trialled.deaths.has(point))
  const unreached = trialled.crashPoints.filter((point) => !trialled.deaths.has(point))
  return [
    `seed ${trialled.seed}, ${trialled.seconds.toFixed(0)} s`,
    row('faults', `${total(trialled.struck)}: ${listed(trialled.struck)}`),
    row(
      'deaths at crash points',
      `${total(trialled.deaths)}, at ${reached.length} of ${trialled.crashPoints.length}${unreached.length > 0 ? `; not at ${unreached.join(', ')}` : ''}`,
    ),
    '',
    row('runs finished', `${total(findings.outcomes)} of ${trialled.wanted}: ${listed(findings.outcomes)}`),
    row('claims', String(findings.claims)),
    row('calls', `${total(findings.calls)}: ${listed(findings.calls)}; ${findings.marked} of them ran`),
    row('viewers', `${viewers.count}, which began to read ${viewers.reads} times`),
    '',
    ...zerosOf(findings, trialled.wanted - findings.runs).map(([name, count]) => row(name, String(count))),
    '',
    gap('failover gap', moved),
    gap('  owner killed', gaps.replica),
    gap('  owner drained', gaps.drain),
    gap('  link cut', gaps.cut),
    gap('codegend restarted as planned', gaps.restart),
    gap('codegend killed', gaps.daemon),
    gap('half-open or paused', gaps.freeze),
    gap('during an outage', gaps.outage),
    gap('for another reason', gaps.other),
    row('the longest failovers', longest(moved)),
    row('the longest after a kill', longest(gaps.daemon)),
  ]
}

function row(name: string, text: string): string {
  return `${name.padEnd(36)} ${text}`
}

function listed(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([name, count]) => `${count} ${name}`).join(', ') || 'none'
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`
}

function longest(gaps: readonly Gap[]): string {
  const worst = gaps.toSorted((a, b) => b.ms - a.ms).slice(0, 5)
  return (
    worst.map(({ ms, run, position, at }) => `${seconds(ms)} in ${run} at ${position} (${seconds(at)})`).join(', ') ||
    'none'
  )
}
