import type { ExecutorList, ListedExecutor } from '#executors/ports'
import type { Statements } from './database.ts'

const columns = `
executor_id, name, version, os, arch, level, tools,
(SELECT count(*) FROM runs WHERE runs.team_id = executors.team_id AND runs.executor_id = executors.executor_id
    AND finished_at IS NULL AND status <> 'queued') AS runs_open,
(SELECT count(*) FROM runs WHERE runs.team_id = executors.team_id AND runs.executor_id = executors.executor_id AND status = 'queued') AS runs_queued,
to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS created_at,
to_char(welcomed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS welcomed_at`

/** One of the seed's level is known by one connection only: it is shown while a run of it is open. */
const listSql = `
SELECT ${columns} FROM executors
 WHERE team_id = $1 AND ($2::text IS NULL OR executor_id > $2)
   AND (level = 1 OR EXISTS (SELECT FROM runs WHERE runs.team_id = $1 AND runs.executor_id = executors.executor_id AND finished_at IS NULL))
 ORDER BY executor_id LIMIT $3`

const findSql = `SELECT ${columns} FROM executors WHERE team_id = $1 AND executor_id = $2`

/** Executors as Postgres knows them; who is connected is presence's to say. */
export function createExecutorList(database: Statements): ExecutorList {
  return {
    async list(teamId, { limit, after }) {
      const values = [teamId, after ?? null, limit + 1]
      const { rows } = await database.query<ListedExecutor>({ text: listSql, values })
      const executors = rows.slice(0, limit)
      return { executors, next: rows.length > limit ? executors.at(-1)?.executor_id : undefined }
    },
    async find(teamId, executorId) {
      const { rows } = await database.query<ListedExecutor>({ text: findSql, values: [teamId, executorId] })
      return rows[0]
    },
  }
}
