import { Failure } from '@codegen/protocol/failure'
import pg from 'pg'
import type { PoolConfig, QueryConfig, QueryResult, QueryResultRow } from 'pg'
import { limits } from '#limits'

/** What may be asked of Postgres. */
export type Statements = {
  /** Runs one statement. A lost connection is tried again for a while; then it fails with postgres.unreachable. */
  query<Row extends QueryResultRow>(statement: Statement, options?: QueryOptions): Promise<QueryResult<Row>>
  /** Runs statements in one transaction on one connection; it is rolled back when `work` throws. Not tried again. */
  transaction<Result>(work: (query: Query) => Promise<Result>): Promise<Result>
}

/** Maestro's connections to Postgres: a lost one is tried again for limits.postgresRetryMsMax. */
export type Database = Statements & {
  /** The same connections where a person waits for the answer: tried again for limits.postgresHurriedMsMax. */
  readonly hurried: Statements
  /** Connections of the pool right now, and statements that wait for one. */
  connections(): { readonly total: number; readonly idle: number; readonly waiting: number }
  close(): Promise<void>
}

export type QueryOptions = {
  /** Aborted: it is not tried again. */
  readonly signal?: AbortSignal
  /** Called before the statement is tried again: whether the try before took effect is not known. */
  readonly onRetry?: () => void
}
export type Statement = QueryConfig
export type Query = <Row extends QueryResultRow>(statement: Statement) => Promise<QueryResult<Row>>

/** Opens a pool; no connection is made before the first statement. Positions and counts come as numbers: none reaches 2^53. */
export function openDatabase(connection: PoolConfig, warn: (message: string) => void): Database {
  const pool = new pg.Pool({
    max: limits.postgresConnectionsMax,
    connectionTimeoutMillis: limits.postgresConnectMs,
    statement_timeout: limits.postgresStatementMs,
    types: { getTypeParser: (oid: number, format?: 'text' | 'binary') => parserOf(oid, format) },
    ...connection,
    // Maestro plans small statements only: a generic plan at once is what prepared ones are for.
    options: [connection.options, '-c plan_cache_mode=force_generic_plan -c jit=off'].filter(Boolean).join(' '),
  })
  pool.on('error', (error) => warn(`Postgres closed an idle connection: ${error.message}`))
  const run: Query = (statement) => pool.query(statement)
  const queryFor =
    (retryMsMax: number): Database['query'] =>
    (statement, options = {}) =>
      retried(() => run(statement), { warn, retryMsMax, ...options })
  const transaction: Database['transaction'] = async (work) => {
    const client = await pool.connect().catch((cause: unknown) => {
      throw unreachable(cause)
    })
    let broken: Error | undefined
    try {
      await client.query('BEGIN')
      const result = await work((statement) => client.query(statement))
      await client.query('COMMIT')
      return result
    } catch (thrown) {
      await client.query('ROLLBACK').catch((error: Error) => {
        broken = error
      })
      throw isConnectionFault(thrown) ? unreachable(thrown) : thrown
    } finally {
      client.release(broken)
    }
  }

  return {
    query: queryFor(limits.postgresRetryMsMax),
    transaction,
    hurried: { query: queryFor(limits.postgresHurriedMsMax), transaction },
    connections: () => ({ total: pool.totalCount, idle: pool.idleCount, waiting: pool.waitingCount }),
    close: () => pool.end(),
  }
}

const int8Oid = 20
const jsonOid = 114

function parserOf(oid: number, format: 'text' | 'binary' | undefined): unknown {
  if (oid === int8Oid) return Number
  // JSON stays text: facts are handed on as they were saved, byte for byte.
  if (oid === jsonOid) return String
  return pg.types.getTypeParser(oid, format ?? 'text')
}

type Retry = QueryOptions & { readonly warn: (message: string) => void; readonly retryMsMax: number }

async function retried<Result>(attempt: () => Promise<Result>, retry: Retry): Promise<Result> {
  const until = performance.now() + retry.retryMsMax
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 2, 2_000)) {
    try {
      return await attempt()
    } catch (thrown) {
      if (!isConnectionFault(thrown)) throw thrown
      if (performance.now() + waitMs > until || retry.signal?.aborted) throw unreachable(thrown)
      retry.warn(
        `Postgres cannot be reached, trying again: ${thrown instanceof Error ? thrown.message : 'no reason given'}`,
      )
      await new Promise((resolve) => setTimeout(resolve, waitMs))
      retry.onRetry?.()
    }
  }
}

function unreachable(cause: unknown): Failure {
  const reason = cause instanceof Error ? cause.message : 'no reason given'
  return new Failure(
    'postgres.unreachable',
    `Postgres cannot be reached (${reason}); check DATABASE_URL and that the server is up.`,
    { cause },
  )
}

/** Classes 08 (connection), 57 (shutdown, crash, a statement that took too long) and 53 (no room) of SQLSTATE, or an error of the socket itself. */
function isConnectionFault(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false
  const code = 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : ''
  if (/^(08|57|53)/.test(code)) return true
  if (/^(ECONN|EPIPE|ENOENT|ETIMEDOUT|EAI_|EHOST|ENET)/.test(code)) return true
  return code === '' && /terminat|timeout|not queryable|closed/i.test(thrown.message)
}
