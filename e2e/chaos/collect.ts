import { readFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { addGaps, noGaps } from './gaps.ts'
import type { Gaps } from './gaps.ts'
import { judgeRun, labelIn, noFaults, readMarks } from './oracle.ts'
import type { Faults, LoggedEntry, Marks } from './oracle.ts'
import type { Trial } from './runs.ts'
import type { World } from './world.ts'

/** What came of all runs together. */
export type Findings = {
  readonly runs: number
  readonly outcomes: Map<string, number>
  readonly unended: string[]
  readonly calls: Map<string, number>
  readonly marked: number
  readonly claims: number
  readonly faults: Faults
  readonly viewers: {
    count: number
    reads: number
    missing: number
    doubled: number
    disordered: number
    notes: string[]
  }
  readonly gaps: Gaps
}

/** Reads what the database, the counter files and the viewers hold, and judges it. */
export async function collect(world: World, trials: readonly Trial[]): Promise<Findings> {
  const findings: Findings = {
    runs: trials.length,
    outcomes: new Map(),
    unended: [],
    calls: new Map(),
    marked: 0,
    claims: 0,
    faults: noFaults(),
    viewers: { count: 0, reads: 0, missing: 0, doubled: 0, disordered: 0, notes: [] },
    gaps: noGaps(),
  }
  const marks = await marksByRun(world)
  let marked = 0
  let claims = 0
  for (const trial of trials) {
    const entries = await readEntries(world, trial.generationId)
    const own = marks.get(trial.name) ?? new Map<string, Marks>()
    marked += own.size
    marks.delete(trial.name)
    merge(findings.faults, judgeRun({ generationId: trial.name, entries, marks: own, inputs: trial.inputs }))
    claims += entries.filter(({ type }) => type === 'claimed').length
    countCalls(findings, entries)
    noteOutcome(findings, trial, entries)
    addGaps(findings.gaps, { entries, executorId: trial.machine.executorId, run: trial.name }, world)
    for (const viewer of trial.viewers) judgeViewer(findings, { trial, viewer, entries })
  }
  // Something ran for a run that nobody knows.
  for (const [name, left] of marks) {
    for (const label of left.keys()) findings.faults.untrue.push(`${label} ran, and there is no run ${name}`)
  }
  return { ...findings, marked, claims }
}

async function marksByRun(world: World): Promise<Map<string, Map<string, Marks>>> {
  const byRun = new Map<string, Map<string, Marks>>()
  for (const { counterFile } of world.machines) {
    for (const [label, mark] of readMarks(await readFile(counterFile, 'utf8'))) {
      const run = label.split('.')[0] ?? ''
      const marks = byRun.get(run) ?? new Map<string, Marks>()
      byRun.set(run, marks.set(label, mark))
    }
  }
  return byRun
}

async function readEntries(world: World, generationId: string): Promise<LoggedEntry[]> {
  const { rows } = await world.database.query<Record<string, unknown>>(
    `SELECT log.position, log.type, log.payload, coalesce(writers.writer, '?') AS writer,
            extract(epoch FROM coalesce(writers.written_at, log.created_at)) * 1000 AS at
       FROM run_log AS log LEFT JOIN chaos_writers AS writers USING (generation_id, position)
      WHERE generation_id = $1 ORDER BY position`,
    [generationId],
  )
  return rows.map((row) => ({
    position: Number(row['position']),
    type: String(row['type']),
    payload: row['payload'] as Record<string, unknown>,
    writer: String(row['writer']),
    at: Number(row['at']),
  }))
}

function merge(all: Faults, more: Faults): void {
  for (const name of Object.keys(all) as (keyof Faults)[]) all[name].push(...more[name])
}

function countCalls({ calls }: Findings, entries: readonly LoggedEntry[]): void {
  const shell = new Set(entries.filter(({ payload }) => labelIn(payload)).map(({ payload }) => payload['tool_id']))
  for (const { type, payload } of entries) {
    if (type !== 'tool_call_finished' || !shell.has(payload['tool_id'])) continue
    const status = String(payload['status'])
    calls.set(status, (calls.get(status) ?? 0) + 1)
  }
}

function noteOutcome({ outcomes, unended }: Findings, trial: Trial, entries: readonly LoggedEntry[]): void {
  const end = entries.find(({ type }) => type === 'run_finished')
  if (!end) return void unended.push(`${trial.name} (${trial.generationId}) at ${entries.at(-1)?.type ?? 'nothing'}`)
  const error = end.payload['error'] as { code?: string } | undefined
  const outcome = `${String(end.payload['status'])}${error?.code && end.payload['status'] !== 'cancelled' ? ` (${error.code})` : ''}`
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

type Judged = { trial: Trial; viewer: Trial['viewers'][number]; entries: readonly LoggedEntry[] }

/** What a viewer saw is what the log holds, entry by entry. */
function judgeViewer({ viewers }: Findings, { trial, viewer, entries }: Judged): void {
  const { faults, facts, notes } = viewer.order
  viewers.count += 1
  viewers.reads += viewer.reads
  viewers.doubled += faults.doubled
  viewers.disordered += faults.disordered
  viewers.missing += faults.missing
  viewers.notes.push(...notes.map((note) => `${trial.name} (${viewer.kind}): ${note}`))
  if (!viewer.order.isEnded()) viewers.notes.push(`${trial.name} (${viewer.kind}) never saw the end`)
  for (const { position, type, payload } of entries) {
    const seen = facts.get(position)
    if (seen !== undefined && digest(seen) === digest(JSON.stringify({ type, payload }))) continue
    viewers.missing += 1
    viewers.notes.push(
      `${trial.name} (${viewer.kind}): ${type} at ${position} was ${seen === undefined ? 'not seen' : 'another'}`,
    )
  }
}

function digest(json: string): string {
  return createHash('sha1')
    .update(JSON.stringify(sorted(JSON.parse(json))))
    .digest('hex')
}

/** The database's driver and the wire may order members differently. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, member]) => [key, sorted(member)] as const)
      .toSorted(([a], [b]) => (a < b ? -1 : 1)),
  )
}
