import { reach } from '#crash-points'
import type { Claim, ClaimedRun, ExecutorRecord } from '#executors/ports'
import type { RunKey } from '#runs/ports'
import type { Query, Statements } from './database.ts'

const raiseSql = `
UPDATE executors
   SET epoch = epoch + 1, journal_id = $4, name = $5, version = $6, os = $7, arch = $8, level = $9, tools = $10, welcomed_at = now()
 WHERE team_id = $1 AND executor_id = $2 AND principal = $3 AND epoch = $11
RETURNING epoch`

const insertSql = `
INSERT INTO executors (team_id, executor_id, principal, journal_id, name, version, os, arch, level, tools, epoch)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT DO NOTHING RETURNING epoch`

const standingSql = `SELECT epoch, principal FROM executors WHERE team_id = $1 AND executor_id = $2`

const claimRunsSql = `
WITH open AS (
  SELECT generation_id FROM runs WHERE team_id = $1 AND executor_id = $2 AND finished_at IS NULL AND status <> 'queued' ORDER BY generation_id FOR UPDATE)
UPDATE runs SET epoch = $3, length = length + 1, claims = claims + CASE WHEN parked_at IS NULL THEN 1 ELSE 0 END, status = 'running', parked_at = NULL
  FROM open WHERE runs.team_id = $1 AND runs.generation_id = open.generation_id
RETURNING runs.generation_id, session_id, client_ref, length, claims`

const claimedEntriesSql = `
INSERT INTO run_log (team_id, generation_id, position, type, payload)
SELECT $1, entry.generation_id, entry.position, 'claimed', entry.payload
  FROM json_to_recordset($2::json) AS entry(generation_id text, position bigint, payload json)`

/** The fence is the UPDATE of the executor, as in a claim. */
const claimQueuedSql = `
WITH owner AS (
  UPDATE executors SET runs_started = runs_started + 1 WHERE team_id = $1 AND executor_id = $3 AND epoch = $4 RETURNING executor_id),
run AS (
  UPDATE runs SET epoch = $4, length = length + 1, claims = claims + 1, status = 'running', parked_at = NULL
    FROM owner WHERE runs.team_id = $1 AND runs.generation_id = $2 AND runs.executor_id = owner.executor_id AND runs.status = 'queued'
  RETURNING runs.generation_id, session_id, client_ref, length, claims),
entry AS (
  INSERT INTO run_log (team_id, generation_id, position, type, payload) SELECT $1, generation_id, length, 'claimed', $5::json FROM run)
SELECT * FROM run`
const claimedAlreadySql = `
SELECT generation_id, session_id, client_ref, length, claims FROM runs
 WHERE team_id = $1 AND generation_id = $2 AND executor_id = $3 AND epoch = $4 AND finished_at IS NULL`

type ClaimStart = { executor: ExecutorRecord; namedEpoch: number | undefined; server: string }
type RunRow = { generation_id: string; session_id: string; client_ref: string; length: number; claims: number }

/**
 * Raises the executor's epoch by compare-and-set and gives all its open runs the new one, in one transaction: from its commit on, whoever held
 * them before cannot append. Runs are locked in the order of their ids, so that two claims cannot wait for each other.
 */
export function claimExecutor(database: Statements, start: ClaimStart): Promise<Claim> {
  return database.transaction(async (query) => {
    const epoch = await raiseEpoch(query, start)
    if (typeof epoch !== 'number') return epoch
    const { teamId, executorId } = start.executor
    const { rows } = await query<RunRow>({ text: claimRunsSql, values: [teamId, executorId, epoch] })
    if (rows.length > 0) {
      const entries = rows.map((row) => ({
        generation_id: row.generation_id,
        position: row.length,
        payload: { generation_id: row.generation_id, epoch, server: start.server },
      }))
      await query({ text: claimedEntriesSql, values: [teamId, JSON.stringify(entries)] })
    }
    reach('claim-open')
    return { kind: 'claimed', epoch, runs: rows.map(toClaimedRun) }
  })
}

/** Makes a connection the owner of a queued run that has a log; see ExecutorStore.claimQueued. */
export async function claimQueued(
  database: Statements,
  { teamId, generationId }: RunKey,
  owner: { executorId: string; epoch: number; server: string },
): Promise<ClaimedRun | undefined> {
  const { executorId, epoch, server } = owner
  const named = [teamId, generationId, executorId, epoch]
  const payload = JSON.stringify({ generation_id: generationId, epoch, server })
  let isRetried = false
  const onRetry = (): void => {
    isRetried = true
  }
  const { rows } = await database.query<RunRow>({ text: claimQueuedSql, values: [...named, payload] }, { onRetry })
  if (rows[0]) return toClaimedRun(rows[0])
  // An earlier try may have committed before its connection was lost: nobody else claims under this epoch.
  const already = isRetried ? await database.query<RunRow>({ text: claimedAlreadySql, values: named }) : undefined
  return already?.rows[0] && toClaimedRun(already.rows[0])
}

async function raiseEpoch(query: Query, start: ClaimStart): Promise<number | Exclude<Claim, { kind: 'claimed' }>> {
  const { executor, namedEpoch } = start
  const { teamId, executorId, principal, journalId, name, version, os, arch, level, tools } = executor
  const values = [teamId, executorId, principal, journalId, name, version, os, arch, level, tools]
  if (namedEpoch !== undefined) {
    const raised = await query<{ epoch: number }>({ text: raiseSql, values: [...values, namedEpoch] })
    if (raised.rows[0]) return raised.rows[0].epoch
  }
  // Unknown here: a new executor, or one whose Maestro lost its database. Its epochs go on from the one it knows.
  const inserted = await query<{ epoch: number }>({ text: insertSql, values: [...values, (namedEpoch ?? 0) + 1] })
  if (inserted.rows[0]) return inserted.rows[0].epoch
  const standing = await query<{ epoch: number; principal: string }>({
    text: standingSql,
    values: [teamId, executorId],
  })
  const [row] = standing.rows
  if (!row || row.principal !== principal) return { kind: 'forbidden' }
  return { kind: 'superseded', epoch: row.epoch }
}

function toClaimedRun(row: RunRow): ClaimedRun {
  return { generationId: row.generation_id, sessionId: row.session_id, clientRef: row.client_ref, claims: row.claims }
}
