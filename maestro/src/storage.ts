import { join } from 'node:path'
import type { ClientConfig } from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'
import type { Look, ReadyCheck } from '#http/ports'
import { openDatabase } from '#postgres/database'
import type { Database } from '#postgres/database'
import { migrate } from '#postgres/migrate'
import { takeReplicaLock } from '#postgres/replica-lock'
import type { Config } from './config.ts'

type Warn = (message: string, thrown?: unknown) => void

/**
 * Opens Postgres: the one DATABASE_URL names, else one of our own in the state folder; brings its schema up to date and takes this replica's
 * lock. What it opened is closed with `stack`.
 */
export async function openStorage(
  config: Config,
  warn: Warn,
  stack: AsyncDisposableStack,
): Promise<{ database: Database; checks: ReadyCheck[]; looks: Look[] }> {
  const connection = config.databaseUrl
    ? parseIntoClientConfig(config.databaseUrl)
    : await startOwn(config, warn, stack)
  connection.application_name = 'maestro'
  await migrate(connection)
  const kind = config.redisUrl ? 'shared' : 'exclusive'
  const lock = await takeReplicaLock(connection, kind, (error) =>
    warn('The lock of this replica was lost with its connection.', error),
  )
  stack.defer(() => lock.release())
  const database = openDatabase(connection, warn)
  stack.defer(() => database.close())
  const check = async (): Promise<void> => {
    await database.query({ text: 'SELECT 1' }, { signal: AbortSignal.abort() })
  }
  const where = config.databaseUrl ? 'the one of DATABASE_URL' : 'its own, on a Unix socket'
  const look = async (): Promise<string> => `PostgreSQL ${await readServerVersion(database)}, ${where}`
  return { database, checks: [{ name: 'postgres', check }], looks: [{ name: 'postgres', look }] }
}

async function readServerVersion(database: Database): Promise<string> {
  const text = `SELECT current_setting('server_version') AS version`
  const { rows } = await database.query<{ version: string }>({ text }, { signal: AbortSignal.abort() })
  return rows[0]?.version.split(' ')[0] ?? 'of an unknown version'
}

async function startOwn(config: Config, warn: Warn, stack: AsyncDisposableStack): Promise<ClientConfig> {
  const { startEmbeddedPostgres } = await import('#postgres/embedded')
  const own = await startEmbeddedPostgres({ folder: join(config.stateFolder, 'postgres'), log: warn })
  stack.defer(() => own.stop())
  return { ...own.connection }
}
