import type { ListedRun, RunList } from '#runs/ports'
import type { Statements } from './database.ts'

const columns = `
generation_id, session_id, executor_id, status, prompt, cwd, mode, model, turns, input_tokens, output_tokens, error, length || '-0' AS last_event_id,
to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
to_char(finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS finished_at`

const listSql = `
SELECT ${columns}, runs.created_at::text AS place FROM runs
 WHERE team_id = $1 AND ($2::text IS NULL OR executor_id = $2) AND ($3::text IS NULL OR session_id = $3)
   AND ($4::text[] IS NULL OR status = ANY ($4)) AND ($5::timestamptz IS NULL OR runs.created_at >= $5)
   AND ($6::timestamptz IS NULL OR runs.created_at < $6) AND ($7::text IS NULL OR position(lower($7) IN lower(prompt)) > 0)
   AND ($8::timestamptz IS NULL OR (runs.created_at, generation_id) < ($8, $9))
 ORDER BY runs.created_at DESC, generation_id DESC LIMIT $10`

const findSql = `
SELECT ${columns} FROM runs
 WHERE team_id = $1 AND ($2::text IS NULL OR executor_id = $2) AND starts_with(generation_id, $3) LIMIT 2`

/** Lists of runs from Postgres. */
export function createRunList(database: Statements): RunList {
  return {
    async list(filter, { limit, after }) {
      const { teamId, executorId, sessionId, statuses, since, until, text } = filter
      const wanted = [
        teamId,
        executorId,
        sessionId,
        statuses,
        since,
        until,
        text,
        after?.createdAt,
        after?.generationId,
      ]
      const values = [...wanted.map((value) => value ?? null), limit + 1]
      const { rows } = await database.query<ListedRun & { place: string }>({ text: listSql, values })
      const shown = rows.slice(0, limit)
      const last = rows.length > limit ? shown.at(-1) : undefined
      return {
        runs: shown.map(({ place: _, ...run }) => run),
        next: last && { createdAt: last.place, generationId: last.generation_id },
      }
    },
    async find({ teamId, executorId }, idStart) {
      const { rows } = await database.query<ListedRun>({ text: findSql, values: [teamId, executorId ?? null, idStart] })
      return rows
    },
  }
}
