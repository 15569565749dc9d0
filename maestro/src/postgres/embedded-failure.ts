import { Failure } from '@codegen/protocol/failure'

/** The one failure of Maestro's own Postgres: what went wrong and the way around it. */
export function notStarted(what: string, cause?: unknown): Failure {
  return new Failure(
    'postgres.unreachable',
    `Maestro's own PostgreSQL did not start: ${what}. Or set DATABASE_URL to another one.`,
    { cause },
  )
}
