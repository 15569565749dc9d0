import type { ListedRun, RunList } from '#runs/ports'
import type { Database } from './database.ts'

const columns = `
generation_id, session_id, executor_id, status, prompt, cwd, mode, model, turns, input_tokens, output_tokens, error, length || '-0' AS last_event_id,
to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS finished_at`

const listSql = `
SELECT ${columns} FROM runs WHERE team_id = $1 AND ($2::text IS NULL OR executor_id = $2) ORDER BY runs.created_at DESC LIMIT $3`

const findSql = `
SELECT ${columns} FROM runs
 WHERE team_id = $1 AND ($2::text IS NULL OR executor_id = $2) AND starts_with(generation_id, $3) LIMIT 2`

/** Lists of runs from Postgres. */
export function createRunList(database: Database): RunList {
  return {
    async list({ teamId, executorId }, limit) {
      const { rows } = await database.query<ListedRun>({ text: listSql, values: [teamId, executorId ?? null, limit] })
      return rows
    },
    async find({ teamId, executorId }, idStart) {
      const { rows } = await database.query<ListedRun>({ text: findSql, values: [teamId, executorId ?? null, idStart] })
      return rows
    },
  }
}
