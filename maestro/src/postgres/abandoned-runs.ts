import type { AbandonedEnd, AbandonedRuns, EndedRun, EndsAbandoned } from '#executors/ports'
import type { RunKey } from '#runs/ports'
import type { Query, Statements } from './database.ts'
import { toAppendStatement } from './run-log.ts'
import { toSavedEntry } from './saved-entry.ts'
import type { LogRow } from './saved-entry.ts'

/** Since when nothing has happened in a run: since it was parked, else since its newest entry. */
const idle = `
coalesce(parked_at, (SELECT created_at FROM run_log AS log
                      WHERE log.team_id = runs.team_id AND log.generation_id = runs.generation_id ORDER BY position DESC LIMIT 1))
  < now() - $1 * interval '1 millisecond'`

/** Whoever holds a row is claiming that run, appending to it or ending it: it is left to him. */
const lockSql = `
SELECT team_id, generation_id FROM runs
 WHERE finished_at IS NULL AND status <> 'queued' AND generation_id <> ALL ($2::text[]) AND ${idle}
 ORDER BY created_at LIMIT $3 FOR UPDATE SKIP LOCKED`

/** Looked at again under the lock: an owner may have appended between the first look and the lock. */
const lockedSql = `
SELECT team_id, generation_id, epoch, length, turns, input_tokens, output_tokens FROM runs
 WHERE (team_id, generation_id) IN (SELECT * FROM unnest($2::text[], $3::text[])) AND ${idle}`

const logSql = `
SELECT position, type, payload, shown, internal FROM run_log WHERE team_id = $1 AND generation_id = $2 ORDER BY position`

type RunRow = {
  team_id: string
  generation_id: string
  epoch: number
  length: number
  turns: number
  input_tokens: number
  output_tokens: number
}

/** Ends runs that nobody came back for; see ExecutorStore.endAbandoned. */
export function endAbandoned(database: Statements, ends: EndsAbandoned): Promise<AbandonedRuns> {
  const { afterMs, except, runsMax } = ends
  return database.transaction(async (query) => {
    const locked = await query<RunRow>({ text: lockSql, values: [afterMs, except, runsMax] })
    if (locked.rows.length === 0) return { found: 0, ended: [], unreadable: [] }
    const names = [locked.rows.map((row) => row.team_id), locked.rows.map((row) => row.generation_id)]
    const { rows } = await query<RunRow>({ text: lockedSql, values: [afterMs, ...names] })
    const ended: EndedRun[] = []
    const unreadable: (RunKey & { cause: unknown })[] = []
    for (const row of rows) {
      const end = await readEnd(query, row, ends)
      if ('cause' in end) unreadable.push({ ...toKey(row), ...end })
      else ended.push(await endRun(query, row, end))
    }
    return { found: locked.rows.length, ended, unreadable }
  })
}

/** A run's last entry, or why its log cannot be read. */
async function readEnd(
  query: Query,
  row: RunRow,
  { toEnd }: EndsAbandoned,
): Promise<AbandonedEnd | { cause: unknown }> {
  const log = await query<LogRow>({ text: logSql, values: [row.team_id, row.generation_id] })
  try {
    return toEnd(log.rows.map(toSavedEntry))
  } catch (cause) {
    return { cause }
  }
}

async function endRun(query: Query, row: RunRow, end: AbandonedEnd): Promise<EndedRun> {
  const key = toKey(row)
  const { epoch, length, turns, input_tokens: inputTokens, output_tokens: outputTokens } = row
  const { status, error } = end.fact.payload
  const summary = { status, turns, inputTokens, outputTokens, error: error?.message ?? null, finished: true }
  await query(toAppendStatement({ ...key, epoch, length, entries: [end], summary }, null))
  return { ...key, entry: { ...end, position: length + 1 } }
}

function toKey({ team_id: teamId, generation_id: generationId }: RunRow): RunKey {
  return { teamId, generationId }
}
