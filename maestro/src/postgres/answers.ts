import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '#limits'
import type { AnswerCommand, AnswerOutcome } from '#executors/ports'
import type { Statements } from './database.ts'

/**
 * A question is the newest `approval_requested` of its call, and open until an entry after it says otherwise. Entries are found by the text of their
 * payload, which is never taken apart here: a tool may print what Postgres' JSON does not take.
 */
const questionSql = `
WITH question AS (
  SELECT position, payload FROM run_log
   WHERE team_id = $1 AND generation_id = $2 AND type = 'approval_requested' AND strpos(payload::text, $4) > 0 ORDER BY position DESC LIMIT 1)
SELECT finished_at IS NOT NULL AS finished,
       EXISTS (SELECT FROM run_inbox WHERE team_id = $1 AND generation_id = $2 AND client_ref = $3 AND type = 'approval_answer') AS repeated,
       (SELECT count(*) FROM run_inbox
         WHERE team_id = $1 AND generation_id = $2 AND type = 'approval_answer' AND taken_at IS NULL) AS waiting,
       (SELECT payload FROM question) AS question,
       EXISTS (SELECT FROM run_log, question
                WHERE team_id = $1 AND generation_id = $2 AND run_log.position > question.position
                  AND type IN ('approval_resolved', 'tool_call_finished') AND strpos(run_log.payload::text, $4) > 0) AS answered
  FROM runs WHERE team_id = $1 AND generation_id = $2`

const insertSql = `
INSERT INTO run_inbox (team_id, generation_id, client_ref, type, payload)
SELECT $1, $2, $3, 'approval_answer', $4::json FROM runs
 WHERE team_id = $1 AND generation_id = $2 AND finished_at IS NULL ON CONFLICT DO NOTHING`

/** What the inbox keeps of an answer beside its key. */
export const answerReader = Compile(Type.Object({ toolId: Type.String(), optionId: Type.String(), by: Type.String() }))

const optionsReader = Compile(Type.Object({ options: Type.Array(Type.Object({ id: Type.String() })) }))

type QuestionRow = { finished: boolean; repeated: boolean; waiting: number; question: string | null; answered: boolean }

/** Writes an answer; see ExecutorStore.answer. */
export async function writeAnswer(database: Statements, answer: AnswerCommand): Promise<AnswerOutcome> {
  const { teamId, generationId, clientRef, toolId, optionId, by } = answer
  const key = [teamId, generationId, clientRef]
  const refusal = await judge(database, answer)
  if (refusal) return refusal
  const payload = JSON.stringify({ toolId, optionId, by })
  const { rowCount } = await database.query({ text: insertSql, values: [...key, payload] })
  if (rowCount === 1) return { kind: 'written' }
  // The same answer came at this moment, or the run ended; or a command of another kind has this key.
  return (await judge(database, answer)) ?? { kind: 'closed' }
}

/** What becomes of an answer, unless it is to be written. */
async function judge(database: Statements, answer: AnswerCommand): Promise<AnswerOutcome | undefined> {
  const { teamId, generationId, clientRef, toolId, optionId } = answer
  const values = [teamId, generationId, clientRef, `"tool_id":${JSON.stringify(toolId)}`]
  const [row] = (await database.query<QuestionRow>({ text: questionSql, values })).rows
  if (!row) return { kind: 'unknown' }
  if (row.repeated) return { kind: 'written' }
  if (row.finished) return { kind: 'finished' }
  if (row.question === null || row.answered) return { kind: 'closed' }
  const optionIds = optionsReader.Parse(JSON.parse(row.question)).options.map(({ id }) => id)
  if (!optionIds.includes(optionId)) return { kind: 'no-option', optionIds }
  return row.waiting >= limits.answersWaitingMax ? { kind: 'crowded' } : undefined
}
