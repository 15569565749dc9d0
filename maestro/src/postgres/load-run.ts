import { Failure } from '@codegen/protocol/failure'
import type { RunFactOf } from '@codegen/protocol/wire'
import type { SavedEntry } from '#runs/log-entry'
import type { LoadedRun, RunKey } from '#runs/ports'
import { toWorkedMs } from '#runs/worked-ms'
import type { Statements } from './database.ts'
import { toSavedEntry } from './saved-entry.ts'
import type { LogRow } from './saved-entry.ts'

const runSql = `
SELECT epoch, level, executor_id, claims, length, extract(epoch FROM now()) * 1000 AS now_ms FROM runs WHERE team_id = $1 AND generation_id = $2`
const logSql = `
SELECT position, type, payload, shown, internal, extract(epoch FROM created_at) * 1000 AS at_ms
  FROM run_log WHERE team_id = $1 AND generation_id = $2 ORDER BY position`
const textsSql = `SELECT digest, body FROM run_texts WHERE team_id = $1 AND digest = ANY ($2)`

/** A run as far as its log can be read. */
export type ReadableRun = {
  /** Holds what lies before the entry that cannot be read. */
  readonly loaded: LoadedRun
  readonly unreadable: { readonly position: number; readonly reason: string } | undefined
}

/** A whole run; see ExecutorStore.load. Fails with run.unreadable where an entry cannot be read. */
export async function loadRun(database: Statements, key: RunKey): Promise<LoadedRun> {
  const [run, rows] = await Promise.all([readRun(database, key), readLog(database, key)])
  return toLoaded(database, key, { run, rows, entries: rows.map(toSavedEntry) })
}

/** A run up to the first entry that is missing or cannot be read, which is named; each entry with the texts it names. Fails with run.unknown. */
export async function loadReadable(database: Statements, key: RunKey): Promise<ReadableRun> {
  // The row first: a log that grows meanwhile is longer than it says, never shorter.
  const run = await readRun(database, key)
  const rows = await readLog(database, key)
  const { entries, unreadable } = readWhile(rows, run.length)
  const loaded = await toLoaded(database, key, { run, rows, entries })
  return { loaded: { ...loaded, entries: await withTexts(database, key, entries) }, unreadable }
}

type RunRow = {
  epoch: number
  level: number
  executor_id: string
  claims: number
  length: number
  now_ms: string
}
type TimedRow = LogRow & { at_ms: string }

async function readRun(database: Statements, { teamId, generationId }: RunKey): Promise<RunRow> {
  const { rows } = await database.query<RunRow>({ text: runSql, values: [teamId, generationId] })
  if (!rows[0]) throw new Failure('run.unknown', `There is no run ${generationId}.`)
  return rows[0]
}

async function readLog(database: Statements, { teamId, generationId }: RunKey): Promise<TimedRow[]> {
  return (await database.query<TimedRow>({ text: logSql, values: [teamId, generationId] })).rows
}

function readWhile(
  rows: readonly LogRow[],
  length: number,
): { entries: readonly SavedEntry[]; unreadable: ReadableRun['unreadable'] } {
  const entries: SavedEntry[] = []
  for (const row of rows) {
    const position = entries.length + 1
    if (row.position !== position) return { entries, unreadable: { position, reason: 'it is missing' } }
    try {
      entries.push(toSavedEntry(row))
    } catch (thrown) {
      const reason = thrown instanceof Error ? thrown.message : String(thrown)
      return { entries, unreadable: { position, reason: reason.replaceAll(/\s+/g, ' ').trim() } }
    }
  }
  const isCut = entries.length < length
  return { entries, unreadable: isCut ? { position: entries.length + 1, reason: 'it is missing' } : undefined }
}

async function toLoaded(
  database: Statements,
  { teamId }: RunKey,
  of: { run: RunRow; rows: readonly TimedRow[]; entries: readonly SavedEntry[] },
): Promise<LoadedRun> {
  const { run, rows, entries } = of
  const digests = lastDigests(entries)
  const bodies = await readTexts(database, teamId, Object.values(digests))
  const nowMs = Number(run.now_ms)
  const timed = entries.map((entry, index) => ({ entry, atMs: Number(rows[index]?.at_ms ?? nowMs) }))
  // Of a fork only what is its own counts: what it begins with was done before.
  const begun = rows[entries[0]?.internal?.forked_from?.position ?? 0]
  return {
    entries,
    epoch: run.epoch,
    level: run.level === 0 ? 0 : 1,
    executorId: run.executor_id,
    teamId,
    claims: run.claims,
    ageMs: begun === undefined ? 0 : nowMs - Number(begun.at_ms),
    workedMs: toWorkedMs(timed, nowMs),
    systemPrompt: bodies.get(digests.system) ?? '',
    toolsJson: bodies.get(digests.tools) ?? '[]',
  }
}

/** Only the last ones are asked for by whoever goes on with the run. */
async function withTexts(
  database: Statements,
  { teamId }: RunKey,
  entries: readonly SavedEntry[],
): Promise<readonly SavedEntry[]> {
  const named = entries.map(({ fact }) => (fact.type === 'toolbelt' ? digestsOf(fact) : []))
  const bodies = await readTexts(database, teamId, [...new Set(named.flat())])
  return entries.map((entry, index) => {
    const texts = (named[index] ?? []).flatMap((digest) => {
      const body = bodies.get(digest)
      return body === undefined ? [] : [{ digest, body }]
    })
    return texts.length === 0 ? entry : { ...entry, texts }
  })
}

function digestsOf({ payload }: RunFactOf<'toolbelt'>): string[] {
  return [payload.system_digest, payload.tools_digest]
}

async function readTexts(
  database: Statements,
  teamId: string,
  digests: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const values = [teamId, digests]
  const { rows } = await database.query<{ digest: string; body: string }>({ text: textsSql, values })
  return new Map(rows.map((row) => [row.digest, row.body]))
}

function lastDigests(entries: readonly SavedEntry[]): { system: string; tools: string } {
  const toolbelt = entries.findLast((entry) => entry.fact.type === 'toolbelt')?.fact
  if (toolbelt?.type !== 'toolbelt') return { system: '', tools: '' }
  return { system: toolbelt.payload.system_digest, tools: toolbelt.payload.tools_digest }
}
