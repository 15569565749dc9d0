import { Failure } from '@codegen/protocol/failure'
import type { Fork } from '#runs/fork'
import { toListedPrompt } from '#runs/listed-prompt'
import { limits } from '#limits'
import type { Statements } from './database.ts'
import { toEntryColumns, unfoldEntries } from './run-log.ts'

const saveSql = `
WITH executor AS (
  SELECT executor_id FROM executors WHERE team_id = $1 AND executor_id = $2 AND level = 1
     AND (SELECT count(*) FROM runs WHERE team_id = $1 AND executor_id = $2 AND status = 'queued') < $16),
session AS (
  INSERT INTO sessions (team_id, session_id, executor_id) SELECT $1, $4, executor_id FROM executor),
run AS (
  INSERT INTO runs (team_id, executor_id, generation_id, session_id, client_ref, prompt, cwd, mode, model, limits, turns, input_tokens, output_tokens, inputs,
                    length, level, epoch, status, parked_at)
  SELECT $1, executor_id, $3, $4, $3, $5, $6, $7, $8, $9::json, $10, $11, $12, $13, $14, 1, 0, 'queued', now() FROM executor RETURNING generation_id),
start AS (
  INSERT INTO run_inbox (team_id, generation_id, client_ref, type, payload) SELECT $1, generation_id, $3, 'start_run', $15::json FROM run)
INSERT INTO run_log (team_id, generation_id, position, type, payload, shown, internal)
SELECT $1, $3, entry.index, entry.type, entry.payload::json, entry.shown, entry.internal::json FROM run, ${unfoldEntries(17)}`

/**
 * Puts a fork on record in one statement: a run with a log that waits, queued, for its executor to take it up. Fails with executor.unknown where no executor of
 * level 1 has this id, or run.busy where too many runs wait for it; nothing is written then.
 */
export async function saveFork(
  database: Statements,
  fork: Fork,
  of: { teamId: string; executorId: string; prompt: string },
): Promise<void> {
  const { teamId, executorId, prompt } = of
  const { run, entries } = fork
  const { turns, usage, inputRefs } = run
  const payload = JSON.stringify({ prompt, by: 'maestro replay', isContinued: false })
  const values = [
    ...[teamId, executorId, run.generationId, run.sessionId],
    ...[toListedPrompt(prompt), run.cwd, run.mode, run.model, JSON.stringify(run.bounds)],
    ...[turns, usage.inputTokens, usage.outputTokens, inputRefs.size, entries.length],
    ...[payload, limits.startsWaitingMax],
    ...toEntryColumns(entries),
  ]
  // In a transaction: a statement that may have taken effect is not tried again.
  const { rowCount } = await database.transaction((query) => query({ text: saveSql, values }))
  if (rowCount === entries.length) return
  throw await whyNot(database, { teamId, executorId })
}

async function whyNot(database: Statements, of: { teamId: string; executorId: string }): Promise<Failure> {
  const { teamId, executorId } = of
  const text = 'SELECT FROM executors WHERE team_id = $1 AND executor_id = $2 AND level = 1'
  const { rowCount } = await database.query({ text, values: [teamId, executorId] })
  if (rowCount === 0)
    return new Failure(
      'executor.unknown',
      `The executor ${executorId} cannot go on with a fork: it speaks the first protocol only, or is not known any more.`,
    )
  return new Failure('run.busy', `${limits.startsWaitingMax} runs wait for the executor ${executorId} already.`)
}
