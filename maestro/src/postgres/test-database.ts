import { randomBytes } from 'node:crypto'
import { userInfo } from 'node:os'
import pg from 'pg'
import type { ClientConfig } from 'pg'
import { parseIntoClientConfig } from 'pg-connection-string'
import type { Test } from 'tap'

/**
 * A schema of this test's own on the server that DATABASE_URL names (default: this machine's), gone when the test ends. Where there is none the test is
 * skipped and the answer is undefined; with CODEGEN_REQUIRE_SERVICES=1 it fails.
 */
export async function withTestSchema(t: Test): Promise<ClientConfig | undefined> {
  const server = parseIntoClientConfig(process.env['DATABASE_URL'] ?? 'postgres://127.0.0.1:5432/test')
  server.user ||= process.env['PGUSER'] ?? userInfo().username
  const schema = `maestro_test_${randomBytes(6).toString('hex')}`
  try {
    await runStatement(server, `CREATE SCHEMA ${schema}`)
  } catch (thrown) {
    if (process.env['CODEGEN_REQUIRE_SERVICES'] === '1') throw thrown
    t.plan(0, 'needs a Postgres')
    return undefined
  }
  t.teardown(() => runStatement(server, `DROP SCHEMA ${schema} CASCADE`))
  return { ...server, options: `-c search_path=${schema}` }
}

async function runStatement(server: ClientConfig, statement: string): Promise<void> {
  const client = new pg.Client(server)
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
