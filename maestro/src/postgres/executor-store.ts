import type { Claim, ExecutorRecord, ExecutorStore, NewRun, NewRunOutcome } from '#executors/ports'
import { endAbandoned } from './abandoned-runs.ts'
import { writeAnswer } from './answers.ts'
import { claimExecutor, claimQueued } from './claim.ts'
import type { Statements } from './database.ts'
import { commandsOf, writeCommand } from './inbox.ts'
import { loadRun } from './load-run.ts'
import { abandonedStarts, endQueued, queuedStart, queuedStarts, queueStart } from './queued-runs.ts'
import { toEntryColumns, toTextColumns, unfoldEntries } from './run-log.ts'
import { toSavedEntry } from './saved-entry.ts'
import type { LogRow } from './saved-entry.ts'
import { setAside } from './set-aside.ts'

const startSql = `
WITH owner AS (
  UPDATE executors SET runs_started = runs_started + 1 WHERE team_id = $1 AND executor_id = $4 AND epoch = $5 RETURNING executor_id),
session AS (
  INSERT INTO sessions (team_id, session_id, executor_id) SELECT $1, $3, executor_id FROM owner ON CONFLICT DO NOTHING),
run AS (
  INSERT INTO runs (team_id, generation_id, session_id, executor_id, epoch, client_ref, level, prompt, cwd, mode, model, limits, length, status)
  SELECT $1, $2, $3, executor_id, $5, $6, $7, $8, $9, $10, $11, $12::json, $13, 'running' FROM owner
  ON CONFLICT (team_id, executor_id, client_ref) DO UPDATE SET epoch = excluded.epoch, length = excluded.length, status = 'running', parked_at = NULL
     WHERE runs.status = 'queued' AND runs.generation_id = excluded.generation_id
  RETURNING generation_id),
texts AS (
  INSERT INTO run_texts (team_id, digest, body)
  SELECT $1, text.digest, text.body FROM run, unnest($18::text[], $19::text[]) AS text(digest, body) ON CONFLICT DO NOTHING)
INSERT INTO run_log (team_id, generation_id, position, type, payload, shown, internal)
SELECT $1, $2, entry.index, entry.type, entry.payload::json, entry.shown, entry.internal::json FROM run, ${unfoldEntries(14)}`

const earlierSql = `SELECT generation_id, session_id FROM runs WHERE team_id = $1 AND executor_id = $2 AND client_ref = $3`

const parkSql = `
UPDATE runs SET status = $4, parked_at = now()
 WHERE team_id = $1 AND generation_id = $2 AND epoch = $3 AND finished_at IS NULL`

// A fork begins its conversation, so what its first entry shows of earlier runs is nowhere else. As text: Postgres takes no JSON apart that has a NUL in it.
const isForked = `log.internal::text LIKE '%"forked_from":%'`

// What is before the last compaction is in it.
const conversationSql = `
WITH ended AS (
  SELECT runs.team_id, runs.generation_id, runs.created_at FROM sessions JOIN runs USING (team_id, session_id)
   WHERE sessions.team_id = $1 AND sessions.executor_id = $2 AND sessions.session_id = $3 AND runs.finished_at IS NOT NULL),
compacted AS (
  SELECT ended.created_at, ended.generation_id FROM ended JOIN run_log AS log USING (team_id, generation_id)
   WHERE log.type = 'compacted' ORDER BY ended.created_at DESC, ended.generation_id DESC LIMIT 1)
SELECT log.generation_id, log.position, log.type, log.payload, CASE WHEN log.position > 1 OR ${isForked} THEN log.shown ELSE '' END AS shown, log.internal
  FROM ended JOIN run_log AS log USING (team_id, generation_id)
 WHERE (log.shown IS NOT NULL OR log.type = 'tool_call')
   AND NOT EXISTS (
     SELECT FROM compacted WHERE (ended.created_at, ended.generation_id) < (compacted.created_at, compacted.generation_id))
 ORDER BY ended.created_at, ended.generation_id, log.position`

const saveToolsSql = `UPDATE executors SET tools = $4 WHERE team_id = $1 AND executor_id = $2 AND epoch = $3`

const standingSql = `SELECT finished_at IS NOT NULL AS ended FROM runs WHERE team_id = $1 AND generation_id = $2 AND executor_id = $3`

/** Executors, their runs and inboxes in Postgres. `server` names this replica in `claimed` entries. */
export function createExecutorStore(database: Statements, server: string): ExecutorStore {
  return {
    claim: (executor: ExecutorRecord, namedEpoch): Promise<Claim> =>
      claimExecutor(database, { executor, namedEpoch, server }),
    claimQueued: (key, owner) => claimQueued(database, key, { ...owner, server }),
    async saveTools({ teamId, executorId, epoch }, tools) {
      const values = [teamId, executorId, epoch, tools]
      return (await database.query({ text: saveToolsSql, values })).rowCount === 1
    },
    load: (key) => loadRun(database, key),
    start: (run) => startRun(database, run),
    queue: (start) => queueStart(database, start),
    queuedStarts: (executors, generationId) => queuedStarts(database, executors, generationId),
    queuedStart: (key) => queuedStart(database, key),
    endQueued: (key, entries, end) => endQueued(database, key, { entries, end }),
    async park(key, epoch, status) {
      await database.query({ text: parkSql, values: [key.teamId, key.generationId, epoch, status] })
    },
    endAbandoned: (ends) => endAbandoned(database, ends),
    abandonedStarts: (afterMs) => abandonedStarts(database, afterMs),
    async conversation(teamId, executorId, sessionId) {
      const values = [teamId, executorId, sessionId]
      const { rows } = await database.query<LogRow & { generation_id: string }>({ text: conversationSql, values })
      const runs = Map.groupBy(rows, (row) => row.generation_id)
      return rows.length === 0 ? undefined : [...runs.values()].map((run) => run.map(toSavedEntry))
    },
    answer: (answer) => writeAnswer(database, answer),
    command: (command, executorId) => writeCommand(database, command, executorId),
    async standingOf(key, executorId) {
      const values = [key.teamId, key.generationId, executorId]
      const { rows } = await database.query<{ ended: boolean }>({ text: standingSql, values })
      const [run] = rows
      return run && (run.ended ? 'ended' : 'open')
    },
    setAside: (key, epoch, reason) => setAside(database, key, { epoch, reason }),
    commandsOf: (keys, held = []) => commandsOf(database, keys, held),
  }
}

async function startRun(database: Statements, run: NewRun): Promise<NewRunOutcome> {
  const { rowCount } = await database.query({ name: 'start', text: startSql, values: startValues(run) })
  if (rowCount && rowCount > 0) return { kind: 'started' }
  // Whoever took it up or ended it, this connection does not drive it.
  if (run.isQueued) return { kind: 'superseded' }
  const { rows } = await database.query<{ generation_id: string; session_id: string }>({
    text: earlierSql,
    values: [run.teamId, run.executorId, run.clientRef],
  })
  const [earlier] = rows
  // This very statement may have committed before its connection was lost.
  if (earlier?.generation_id === run.generationId) return { kind: 'started' }
  if (!earlier) return { kind: 'superseded' }
  return { kind: 'duplicate', generationId: earlier.generation_id, sessionId: earlier.session_id }
}

function startValues(run: NewRun): unknown[] {
  return [
    run.teamId,
    run.generationId,
    run.sessionId,
    run.executorId,
    run.epoch,
    run.clientRef,
    run.level,
    run.prompt,
    run.cwd,
    run.mode,
    run.model,
    run.limitsJson,
    run.entries.length,
    ...toEntryColumns(run.entries),
    ...toTextColumns(run.entries),
  ]
}
