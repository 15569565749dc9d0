import { readdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import type { ClientConfig } from 'pg'
import { Failure } from '@codegen/protocol/failure'

// By the package's own name: the sources and the bundle lie at different depths.
const folder = dirname(fileURLToPath(import.meta.resolve('@codegen/maestro/migrations/0001_first.sql')))

/**
 * Brings the schema up to this release's. Several replicas may start at once: one migrates and the others wait. Fails with postgres.unreachable, or
 * config.invalid when the database was made by a newer release.
 */
export async function migrate(connection: ClientConfig): Promise<void> {
  const client = await connect(connection)
  try {
    const schema = await schemaOf(client)
    if (await isCurrent(client, schema)) return
    // Others that start now wait here, and find the work done. Gone with the connection.
    await client.query('SELECT pg_advisory_lock($1, hashtext($2))', [lockClass, schema])
    if (await isCurrent(client, schema)) return
    // Loaded only when there is something to do: on every other start it would cost more than the look.
    const { runner } = await import('node-pg-migrate')
    await runner({
      dbClient: client,
      dir: folder,
      direction: 'up',
      migrationsTable,
      schema,
      noLock: true,
      log: () => undefined,
      verbose: false,
    })
  } finally {
    await client.end()
  }
}

/** Whether the schema is this release's; nothing is changed. Fails as migrate does. */
export async function isMigrated(connection: ClientConfig): Promise<boolean> {
  const client = await connect(connection)
  try {
    return await isCurrent(client, await schemaOf(client))
  } finally {
    await client.end()
  }
}

async function connect(connection: ClientConfig): Promise<pg.Client> {
  const client = new pg.Client(connection)
  await client.connect().catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : 'no reason given'
    throw new Failure(
      'postgres.unreachable',
      `Postgres cannot be reached (${reason}); check DATABASE_URL and that the server is up.`,
      { cause },
    )
  })
  return client
}

/** Beside the lock of the replicas: any other number. */
const lockClass = 7718

const migrationsTable = 'maestro_migrations'

async function schemaOf(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{ schema: string | null }>('SELECT current_schema() AS schema')
  const schema = rows[0]?.schema
  if (!schema)
    throw new Failure('config.invalid', 'The search_path of DATABASE_URL names no schema that exists; create it first.')
  return schema
}

async function isCurrent(client: pg.Client, schema: string): Promise<boolean> {
  const table = await client.query<{ found: boolean }>('SELECT to_regclass($1) IS NOT NULL AS found', [
    `"${schema}".${migrationsTable}`,
  ])
  if (!table.rows[0]?.found) return false
  const done = await client.query<{ name: string }>(`SELECT name FROM "${schema}".${migrationsTable} ORDER BY id`)
  const files = (await readdir(folder)).map((file) => file.replace(/\.sql$/, '')).toSorted()
  const names = done.rows.map((row) => row.name)
  const foreign = names.find((name) => !files.includes(name))
  if (foreign) {
    throw new Failure(
      'config.invalid',
      `The database was made by a newer Maestro (it has migration "${foreign}"); start that release.`,
    )
  }
  return names.length === files.length
}
