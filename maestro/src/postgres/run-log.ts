import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { InputModeSchema } from '@codegen/protocol/wire'
import type { PublishedEvent, RunAppend, RunKey, RunLog, WaitingInput } from '#runs/ports'
import type { LogEntry } from '#runs/log-entry'
import type { Statements, Statement } from './database.ts'

/** The rows of four parameters that begin at `$first`, as `toEntryColumns` makes them; `index` counts from 1. */
export function unfoldEntries(first: number): string {
  const columns = [0, 1, 2, 3].map((column) => `$${first + column}::text[]`)
  return `unnest(${columns.join(', ')}) WITH ORDINALITY AS entry(type, payload, shown, internal, index)`
}

/**
 * The fence is the UPDATE: under READ COMMITTED it waits for whoever holds the row and then sees their epoch and length, so that of two owners
 * only one can append. The INSERT takes its rows from it.
 */
const appendSql = toAppendSql('')
/** The texts that entries name come on record with them; most entries name none. */
const appendWithTextsSql = toAppendSql(`,
texts AS (
  INSERT INTO run_texts (team_id, digest, body)
  SELECT $1, text.digest, text.body FROM fence, unnest($17::text[], $18::text[]) AS text(digest, body) ON CONFLICT DO NOTHING)`)

function toAppendSql(texts: string): string {
  return `
WITH fence AS (
  UPDATE runs SET length = length + $5, status = $6, turns = $7, input_tokens = $8, output_tokens = $9, error = $10, claims = 0,
         parked_at = NULL, finished_at = CASE WHEN $11 THEN now() END
   WHERE team_id = $1 AND generation_id = $2 AND epoch = $3 AND length = $4 AND finished_at IS NULL AND ($16::integer IS NULL OR inputs = $16)
  RETURNING length)${texts}
INSERT INTO run_log (team_id, generation_id, position, type, payload, shown, internal)
SELECT $1, $2, $4 + entry.index, entry.type, entry.payload::json, entry.shown, entry.internal::json
  FROM fence, ${unfoldEntries(12)}`
}

const lengthSql = `SELECT length FROM runs WHERE team_id = $1 AND generation_id = $2 AND epoch = $3 AND length = $4`

const factsSql = `
SELECT position, type, payload FROM run_log
 WHERE team_id = $1 AND generation_id = $2 AND position > $3 ORDER BY position LIMIT $4`

const inputsSql = `
SELECT client_ref, payload FROM run_inbox
 WHERE team_id = $1 AND generation_id = $2 AND type = 'run_input' AND taken_at IS NULL ORDER BY inbox_id`

/** What the inbox keeps of an input beside its key. */
export const inputReader = Compile(Type.Object({ content: Type.String(), mode: InputModeSchema, by: Type.String() }))

const markTakenSql = `
UPDATE run_inbox SET taken_at = now() WHERE team_id = $1 AND generation_id = $2 AND client_ref = ANY ($3) AND taken_at IS NULL`

/** The log in Postgres. */
export function createRunLog(database: Statements): RunLog {
  return {
    append: (append) => appendEntries(database, append, null),
    async finish({ inputs, ...append }) {
      if (await appendEntries(database, append, inputs)) return 'finished'
      return (await hasLength(database, append, append.length)) ? 'input-waits' : 'lost'
    },
    async waitingInputs({ teamId, generationId }) {
      const { rows } = await database.query<InputRow>({ text: inputsSql, values: [teamId, generationId] })
      return rows.map(toInput)
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

/** `inputs`: how many the run has to have been given, or null. */
async function appendEntries(database: Statements, append: RunAppend, inputs: number | null): Promise<boolean> {
  let isRetried = false
  const onRetry = (): void => {
    isRetried = true
  }
  const { rowCount } = await database.query(toAppendStatement(append, inputs), { onRetry })
  if (rowCount === append.entries.length) return true
  // An earlier try may have committed before its connection was lost: nobody but the caller writes under its epoch.
  return isRetried && hasLength(database, append, append.length + append.entries.length)
}

/** The statement that appends, behind the fence; it changes one row for each entry, or nothing. `inputs` as above. */
export function toAppendStatement(append: RunAppend, inputs: number | null): Statement {
  const values = [...appendValues(append), inputs]
  if (!append.entries.some((entry) => entry.texts)) return { name: 'append', text: appendSql, values }
  return { text: appendWithTextsSql, values: [...values, ...toTextColumns(append.entries)] }
}

async function hasLength(database: Statements, append: RunAppend, length: number): Promise<boolean> {
  const { teamId, generationId, epoch } = append
  return (await database.query({ text: lengthSql, values: [teamId, generationId, epoch, length] })).rowCount === 1
}

type FactRow = { position: number; type: string; payload: string }
type InputRow = { client_ref: string; payload: string }

function toInput(row: InputRow): WaitingInput {
  return { clientRef: row.client_ref, ...inputReader.Parse(JSON.parse(row.payload)) }
}

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
    ...toEntryColumns(entries),
  ]
}

/**
 * Entries as columns for `unfoldEntries`. Each payload is a JSON text of its own: Postgres keeps such a text as it is, while taking one apart fails on
 * characters that a tool may well print (NUL, half a surrogate pair).
 */
export function toEntryColumns(entries: readonly LogEntry[]): readonly (string | null)[][] {
  return [
    entries.map((entry) => entry.fact.type),
    entries.map((entry) => JSON.stringify(entry.fact.payload)),
    entries.map((entry) => entry.shown),
    entries.map((entry) => entry.internal && JSON.stringify(entry.internal)),
  ]
}

/** The texts that entries bring, as two columns: digest and body. */
export function toTextColumns(entries: readonly LogEntry[]): readonly string[][] {
  const texts = entries.flatMap((entry) => entry.texts ?? [])
  return [texts.map((text) => text.digest), texts.map((text) => text.body)]
}

function toEvent(row: FactRow): PublishedEvent {
  return {
    at: { position: row.position, k: 0 },
    type: row.type,
    text: `{"type":${JSON.stringify(row.type)},"payload":${row.payload}}`,
  }
}
