import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { ClientConfig } from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'
import { Failure } from '@codegen/protocol/failure'
import { openDatabase } from '#postgres/database'
import type { Database } from '#postgres/database'
import { isMigrated } from '#postgres/migrate'
import type { Config } from './config.ts'

type Storage = Pick<Config, 'stateFolder' | 'databaseUrl'>
type Warn = (message: string, thrown?: unknown) => void

/**
 * Opens the database of a Maestro that may be running, as a guest: its schema stays as it is, no lock is taken, and a Postgres it did not start goes on. What
 * it opened is closed with `stack`. Fails with postgres.unreachable, or run.unreadable where the schema is not this release's.
 */
export async function openReplayStorage(storage: Storage, warn: Warn, stack: AsyncDisposableStack): Promise<Database> {
  const connection = storage.databaseUrl
    ? parseIntoClientConfig(storage.databaseUrl)
    : await visitOwn(storage.stateFolder, warn, stack)
  connection.application_name = 'maestro replay'
  if (!(await isMigrated(connection)))
    throw new Failure(
      'run.unreadable',
      'The database is not as this release of Maestro makes it; start this release on it once, or use the release it belongs to.',
    )
  const database = openDatabase(connection, warn)
  stack.defer(() => database.close())
  return database
}

async function visitOwn(stateFolder: string, warn: Warn, stack: AsyncDisposableStack): Promise<ClientConfig> {
  const folder = join(stateFolder, 'postgres')
  // One that is not there would be made.
  if (!(await lstat(folder).catch(() => undefined)))
    throw new Failure(
      'postgres.unreachable',
      `No Maestro has kept a Postgres in ${stateFolder}; name its state folder with --state, or its Postgres with DATABASE_URL.`,
    )
  const { startEmbeddedPostgres } = await import('#postgres/embedded')
  const own = await startEmbeddedPostgres({ folder, log: warn, isGuest: true })
  stack.defer(() => own.stop())
  return { ...own.connection }
}
