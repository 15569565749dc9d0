import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { RunLimitsSchema, RunModeSchema } from '@codegen/protocol/wire'
import type { QueuedStart, QueueOutcome } from '#executors/ports'
import type { LogEntry } from '#runs/log-entry'
import { toListedPrompt } from '#runs/listed-prompt'
import type { RunKey, RunSummaryChange } from '#runs/ports'
import { limits } from '#limits'
import type { Statements } from './database.ts'
import { toEntryColumns, unfoldEntries } from './run-log.ts'

const queueSql = `
WITH executor AS (
  SELECT executor_id FROM executors WHERE team_id = $1 AND executor_id = $4 AND level = 1
     AND (SELECT count(*) FROM runs WHERE team_id = $1 AND executor_id = $4 AND status = 'queued') < $11),
run AS (
  INSERT INTO runs (team_id, generation_id, session_id, executor_id, client_ref, prompt, cwd, mode, model, limits, level, epoch, length, status, parked_at)
  SELECT $1, $2, $3, executor_id, $5, $6, $7, $8, $9, '{}', 1, 0, 0, 'queued', now() FROM executor
  ON CONFLICT (team_id, executor_id, client_ref) DO NOTHING RETURNING generation_id)
INSERT INTO run_inbox (team_id, generation_id, client_ref, type, payload) SELECT $1, generation_id, $5, 'start_run', $10::json FROM run`

const standingSql = `
SELECT executors.level, runs.generation_id, runs.session_id FROM executors
  LEFT JOIN runs ON runs.team_id = executors.team_id AND runs.executor_id = executors.executor_id AND runs.client_ref = $3
 WHERE executors.team_id = $1 AND executors.executor_id = $2`

const columns = `
runs.team_id, runs.generation_id, session_id, executor_id, runs.client_ref, cwd, mode, model, length, payload FROM runs
  JOIN run_inbox ON run_inbox.team_id = runs.team_id AND run_inbox.generation_id = runs.generation_id AND run_inbox.client_ref = runs.client_ref
       AND run_inbox.type = 'start_run'`

const waitingSql = `
SELECT ${columns} WHERE status = 'queued' AND (runs.team_id, executor_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
   AND ($3::text IS NULL OR runs.generation_id = $3) ORDER BY runs.created_at, inbox_id LIMIT $4`

const abandonedSql = `
SELECT ${columns} WHERE status = 'queued' AND parked_at < now() - $1 * interval '1 millisecond' ORDER BY runs.created_at LIMIT $2`

const oneSql = `SELECT ${columns} WHERE status = 'queued' AND runs.team_id = $1 AND runs.generation_id = $2`

const endSql = `
WITH ended AS (
  UPDATE runs SET status = $3, error = $4, length = length + $5, finished_at = now(), parked_at = NULL
   WHERE team_id = $1 AND generation_id = $2 AND status = 'queued' RETURNING length - $5 AS before)
INSERT INTO run_log (team_id, generation_id, position, type, payload, shown, internal)
SELECT $1, $2, before + entry.index, entry.type, entry.payload::json, entry.shown, entry.internal::json FROM ended, ${unfoldEntries(6)}`

const startReader = Compile(
  Type.Object({
    prompt: Type.String(),
    by: Type.String(),
    limits: Type.Optional(RunLimitsSchema),
    isContinued: Type.Boolean(),
  }),
)
const isMode = Compile(RunModeSchema)

/** Puts a start on record; see ExecutorStore.queue. */
export async function queueStart(database: Statements, start: QueuedStart): Promise<QueueOutcome> {
  const { teamId, generationId, sessionId, executorId, clientRef, prompt, cwd, mode, model } = start
  const { by, limits: asked, isContinued } = start
  const payload = JSON.stringify({ prompt, by, limits: asked, isContinued })
  const named = [teamId, generationId, sessionId, executorId, clientRef]
  const values = [...named, toListedPrompt(prompt), cwd, mode, model, payload, limits.startsWaitingMax]
  const { rowCount } = await database.query({ text: queueSql, values })
  if (rowCount === 1) return { kind: 'queued' }
  const { rows } = await database.query<StandingRow>({ text: standingSql, values: [teamId, executorId, clientRef] })
  const [standing] = rows
  if (!standing) return { kind: 'unknown' }
  const { generation_id, session_id, level } = standing
  // This very statement may have committed before its connection was lost.
  if (generation_id === generationId) return { kind: 'queued' }
  if (generation_id !== null && session_id !== null)
    return { kind: 'duplicate', generationId: generation_id, sessionId: session_id }
  return { kind: level === 1 ? 'crowded' : 'level' }
}

/** The starts that wait; see ExecutorStore.queuedStarts. */
export async function queuedStarts(
  database: Statements,
  executors: readonly { readonly teamId: string; readonly executorId: string }[],
  generationId: string | undefined,
): Promise<readonly QueuedStart[]> {
  const names = [executors.map(({ teamId }) => teamId), executors.map(({ executorId }) => executorId)]
  const values = [...names, generationId ?? null, limits.startsWaitingMax]
  const { rows } = await database.query<QueuedRow>({ name: 'queued', text: waitingSql, values })
  return rows.map(toStart)
}

/** The start of one queued run. */
export async function queuedStart(database: Statements, key: RunKey): Promise<QueuedStart | undefined> {
  const { rows } = await database.query<QueuedRow>({ text: oneSql, values: [key.teamId, key.generationId] })
  return rows.map(toStart)[0]
}

/** The starts that nobody took up; see ExecutorStore.abandonedStarts. */
export async function abandonedStarts(database: Statements, afterMs: number): Promise<readonly QueuedStart[]> {
  const { rows } = await database.query<QueuedRow>({ text: abandonedSql, values: [afterMs, limits.startsWaitingMax] })
  return rows.map(toStart)
}

/** Ends a queued run; see ExecutorStore.endQueued. */
export async function endQueued(
  database: Statements,
  key: RunKey,
  { entries, end }: { entries: readonly LogEntry[]; end: RunSummaryChange },
): Promise<boolean> {
  const columnsOfEntries = toEntryColumns(entries)
  const values = [key.teamId, key.generationId, end.status, end.error, entries.length, ...columnsOfEntries]
  const { rowCount } = await database.query({ text: endSql, values })
  return rowCount === entries.length
}

type StandingRow = { level: number; generation_id: string | null; session_id: string | null }
type QueuedRow = {
  team_id: string
  generation_id: string
  session_id: string
  executor_id: string
  client_ref: string
  cwd: string
  mode: string
  model: string
  length: number
  payload: string
}

function toStart(row: QueuedRow): QueuedStart {
  return {
    teamId: row.team_id,
    generationId: row.generation_id,
    sessionId: row.session_id,
    executorId: row.executor_id,
    clientRef: row.client_ref,
    cwd: row.cwd,
    mode: isMode.Parse(row.mode),
    model: row.model,
    length: row.length,
    ...startReader.Parse(JSON.parse(row.payload)),
  }
}
