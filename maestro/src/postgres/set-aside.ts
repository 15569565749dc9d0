import type { RunFactOf } from '@codegen/protocol/wire'
import type { RunKey } from '#runs/ports'
import type { Statements } from './database.ts'

const parkSql = `
UPDATE runs SET status = 'waiting_executor', parked_at = now(), error = $4
 WHERE team_id = $1 AND generation_id = $2 AND epoch = $3 AND finished_at IS NULL
   AND NOT EXISTS (
     SELECT FROM run_inbox WHERE team_id = $1 AND generation_id = $2 AND type = 'cancel_run' AND taken_at IS NULL)`

const endSql = `
WITH ended AS (
  UPDATE runs SET status = 'cancelled', error = $4, length = length + 1, finished_at = now(), parked_at = NULL
   WHERE team_id = $1 AND generation_id = $2 AND epoch = $3 AND finished_at IS NULL RETURNING length)
INSERT INTO run_log (team_id, generation_id, position, type, payload)
SELECT $1, $2, length, 'run_finished', $5::json FROM ended`

/** Gives back a run that this release cannot read; see ExecutorStore.setAside. */
export async function setAside(
  database: Statements,
  { teamId, generationId }: RunKey,
  { epoch, reason }: { epoch: number; reason: string },
): Promise<boolean> {
  const values = [teamId, generationId, epoch, reason]
  const parked = await database.query({ text: parkSql, values })
  if (parked.rowCount === 1) return false
  const message = `Cancelled unread, so the outcome of open calls is unknown. ${reason}`
  const payload: RunFactOf<'run_finished'>['payload'] = {
    generation_id: generationId,
    status: 'cancelled',
    error: { code: 'run.unreadable', message },
  }
  return (await database.query({ text: endSql, values: [...values, JSON.stringify(payload)] })).rowCount === 1
}
