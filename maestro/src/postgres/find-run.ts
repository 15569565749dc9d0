import { Failure } from '@codegen/protocol/failure'
import type { RunKey } from '#runs/ports'
import type { Statements } from './database.ts'

const findSql = `
SELECT team_id, generation_id FROM runs
 WHERE ($1::text IS NULL OR team_id = $1) AND starts_with(generation_id, $2) ORDER BY generation_id <> $2, generation_id, team_id LIMIT 3`

/** The one run whose id is this or begins so, of any team or of one. Fails with run.unknown where there is none, or more than one. */
export async function findRun(database: Statements, idStart: string, team: string | undefined): Promise<RunKey> {
  // Asked by a command that looks once: a database that is not there is told at once.
  const signal = AbortSignal.abort()
  const values = [team ?? null, idStart]
  const { rows } = await database.query<RunRow>({ text: findSql, values }, { signal })
  const whole = rows.filter((row) => row.generation_id === idStart)
  const fitting = whole.length > 0 ? whole : rows
  const [found, other] = fitting
  const where = team === undefined ? '' : ` in the team ${team}`
  if (!found)
    throw new Failure(
      'run.unknown',
      `There is no run whose id begins with "${idStart}"${where}; codegen runs lists yours.`,
    )
  if (other) throw ambiguous(idStart, { found, other })
  return { teamId: found.team_id, generationId: found.generation_id }
}

type RunRow = { team_id: string; generation_id: string }

function ambiguous(idStart: string, { found, other }: { found: RunRow; other: RunRow }): Failure {
  const isSame = found.generation_id === other.generation_id
  return new Failure(
    'run.unknown',
    isSame
      ? `The teams ${found.team_id} and ${other.team_id} both have a run ${found.generation_id}; name one with --team.`
      : `More than one run begins with "${idStart}": ${found.generation_id}, ${other.generation_id}; write more of the id.`,
  )
}
