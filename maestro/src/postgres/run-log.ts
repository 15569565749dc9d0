import { Failure } from '@codegen/protocol/failure'
import type { PublishedEvent, RunAppend, RunKey, RunLog } from '#runs/ports'
import type { LogEntry } from '#runs/log-entry'
import type { Database } from './database.ts'

/**
 * The fence is the UPDATE: under READ COMMITTED it waits for whoever holds the row and then sees their epoch and length, so that of two owners
 * only one can append. The INSERT takes its rows from it.
 */
const appendSql = `
WITH fence AS (
  UPDATE runs SET length = length + $5, status = $6, turns = $7, input_tokens = $8, output_tokens = $9, error = $10, claims = 0,
         parked_at = NULL, finished_at = CASE WHEN $11 THEN now() END
   WHERE team_id = $1 AND generation_id = $2 AND epoch = $3 AND length = $4 AND finished_at IS NULL
  RETURNING length)
INSERT INTO run_log (team_id, generation_id, position, type, payload, shown, internal)
SELECT $1, $2, entry.position, entry.type, entry.payload, entry.shown, entry.internal
  FROM fence, json_to_recordset($12::json) AS entry(position bigint, type text, payload json, shown text, internal json)`

const lengthSql = `SELECT length FROM runs WHERE team_id = $1 AND generation_id = $2 AND epoch = $3 AND length = $4`

const factsSql = `
SELECT position, type, payload FROM run_log
 WHERE team_id = $1 AND generation_id = $2 AND position > $3 ORDER BY position LIMIT $4`

const markTakenSql = `
UPDATE run_inbox SET taken_at = now() WHERE team_id = $1 AND generation_id = $2 AND client_ref = ANY ($3) AND taken_at IS NULL`

/** The log in Postgres. */
export function createRunLog(database: Database): RunLog {
  return {
    async append(append) {
      const { rowCount } = await database.query({ name: 'append', text: appendSql, values: appendValues(append) })
      if (rowCount === append.entries.length) return true
      // Nothing was written. If a connection was lost after an earlier try had committed, the entries are on record all the same.
      const { teamId, generationId, epoch, length, entries } = append
      const values = [teamId, generationId, epoch, length + entries.length]
      return (await database.query({ text: lengthSql, values })).rowCount === 1
    },
    async factsAfter(key, position, limit) {
      const { rows } = await database.query<FactRow>({
        name: 'facts',
        text: factsSql,
        values: [key.teamId, key.generationId, position, limit],
      })
      return rows.map(toEvent)
    },
    async markTaken(key: RunKey, clientRefs: readonly string[]) {
      await database.query({ text: markTakenSql, values: [key.teamId, key.generationId, clientRefs] })
    },
  }
}

type FactRow = { position: number; type: string; payload: string }

function appendValues(append: RunAppend): unknown[] {
  const { teamId, generationId, epoch, length, entries, summary } = append
  const { status, turns, inputTokens, outputTokens, error, finished } = summary
  return [
    teamId,
    generationId,
    epoch,
    length,
    entries.length,
    status,
    turns,
    inputTokens,
    outputTokens,
    error,
    finished,
    toEntriesJson(entries, length),
  ]
}

/** Entries as the JSON array that the statements unfold, positions counted on from `length`. Fails as `internal` when Postgres could not hold one. */
export function toEntriesJson(entries: readonly LogEntry[], length: number): string {
  const json = JSON.stringify(
    entries.map((entry, index) => ({
      position: length + 1 + index,
      type: entry.fact.type,
      payload: entry.fact.payload,
      shown: entry.shown,
      internal: entry.internal,
    })),
  )
  if (json.length > entriesCharactersMax) throw new Failure('internal', 'A log entry is larger than the log takes.')
  return json
}

const entriesCharactersMax = 200 * 1024 * 1024

function toEvent(row: FactRow): PublishedEvent {
  return {
    at: { position: row.position, k: 0 },
    type: row.type,
    text: `{"type":${JSON.stringify(row.type)},"payload":${row.payload}}`,
  }
}
