import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '@codegen/protocol/limits'
import { reach } from '#crash-points'
import type { AnswerCommand, CommandOutcome, InboxCommand } from '#executors/ports'
import type { RunKey } from '#runs/ports'
import { answerReader } from './answers.ts'
import type { Statements } from './database.ts'
import { inputReader } from './run-log.ts'

/**
 * The row of the run is taken first: whoever ends it at that moment is waited for, and the end sees the input that was counted here or the input sees the
 * end. Of two with one key the second breaks the primary key, and its counting with it.
 */
const inputSql = `
WITH open AS (
  UPDATE runs SET inputs = inputs + 1
   WHERE team_id = $1 AND generation_id = $2 AND ($6::text IS NULL OR executor_id = $6) AND finished_at IS NULL
     AND NOT EXISTS (SELECT FROM run_inbox WHERE team_id = $1 AND generation_id = $2 AND client_ref = $3)
     AND (SELECT count(*) FROM run_inbox WHERE team_id = $1 AND generation_id = $2 AND taken_at IS NULL) < $7
  RETURNING generation_id)
INSERT INTO run_inbox (team_id, generation_id, client_ref, type, payload) SELECT $1, $2, $3, $4, $5::json FROM open`

const cancelSql = `
INSERT INTO run_inbox (team_id, generation_id, client_ref, type, payload)
SELECT $1, $2, $3, $4, $5::json FROM runs
 WHERE team_id = $1 AND generation_id = $2 AND ($6::text IS NULL OR executor_id = $6) AND finished_at IS NULL ON CONFLICT DO NOTHING`

const whySql = `
SELECT finished_at IS NOT NULL AS finished,
       EXISTS (SELECT FROM run_inbox WHERE team_id = $1 AND generation_id = $2 AND client_ref = $3 AND type = $4) AS repeated
  FROM runs WHERE team_id = $1 AND generation_id = $2 AND ($5::text IS NULL OR executor_id = $5)`

const commandsSql = `
SELECT team_id, generation_id, client_ref, type, payload FROM run_inbox
 WHERE taken_at IS NULL AND type <> 'start_run' AND (team_id, generation_id) IN (SELECT * FROM unnest($1::text[], $2::text[]))
   AND generation_id || ' ' || client_ref <> ALL ($3::text[]) ORDER BY inbox_id`

const cancelReader = Compile(Type.Object({ reason: Type.String(), by: Type.String() }))

/** Writes a command; see ExecutorStore.command. */
export async function writeCommand(
  database: Statements,
  command: Exclude<InboxCommand, AnswerCommand>,
  executorId: string | undefined,
): Promise<CommandOutcome> {
  const { teamId, generationId, clientRef, type } = command
  const values = [teamId, generationId, clientRef, type, JSON.stringify(toPayload(command)), executorId ?? null]
  const isInput = type === 'run_input'
  const written = await database
    .query(isInput ? { text: inputSql, values: [...values, limits.inputsWaitingMax] } : { text: cancelSql, values })
    .catch((thrown: unknown) => {
      if (isDoubleKey(thrown)) return { rowCount: 0 }
      throw thrown
    })
  if (written.rowCount === 1) reach('command-recorded')
  if (written.rowCount === 1) return 'written'
  const { rows } = await database.query<{ finished: boolean; repeated: boolean }>({
    text: whySql,
    values: [teamId, generationId, clientRef, type, executorId ?? null],
  })
  const [run] = rows
  if (!run) return 'unknown'
  if (isInput && run.repeated) return 'written'
  if (run.finished) return 'finished'
  return run.repeated ? 'written' : 'crowded'
}

function toPayload(command: Exclude<InboxCommand, AnswerCommand>): object {
  const { by } = command
  if (command.type === 'cancel_run') return { reason: command.reason, by }
  return { content: command.content, mode: command.mode, by }
}

function isDoubleKey(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === '23505'
}

/** Commands that wait; see ExecutorStore.commandsOf. */
export async function commandsOf(
  database: Statements,
  keys: readonly RunKey[],
  held: readonly string[],
): Promise<readonly InboxCommand[]> {
  const values = [keys.map((key) => key.teamId), keys.map((key) => key.generationId), held]
  const { rows } = await database.query<CommandRow>({ name: 'commands', text: commandsSql, values })
  return rows.flatMap(toCommand)
}

type CommandRow = { team_id: string; generation_id: string; client_ref: string; type: string; payload: string }

/** What a newer release wrote waits for one that can read it. */
function toCommand(row: CommandRow): InboxCommand[] {
  const key = { teamId: row.team_id, generationId: row.generation_id, clientRef: row.client_ref }
  const payload: unknown = JSON.parse(row.payload)
  if (row.type === 'run_input') return [{ ...key, type: 'run_input', ...inputReader.Parse(payload) }]
  if (row.type === 'cancel_run') return [{ ...key, type: 'cancel_run', ...cancelReader.Parse(payload) }]
  if (row.type === 'approval_answer') return [{ ...key, type: 'approval_answer', ...answerReader.Parse(payload) }]
  return []
}
