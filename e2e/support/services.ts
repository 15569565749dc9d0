import { randomBytes } from 'node:crypto'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import pg from 'pg'
import type { Test } from 'tap'

export type Services = {
  /** An empty database of this test's own, gone when the test ends. */
  databaseUrl: string
  redisUrl: string
}

const connectMsMax = 2_000

/**
 * Postgres and Redis for a test, from DATABASE_URL and REDIS_URL or their usual places on this machine. Without them the test is skipped and the
 * answer is undefined; with CODEGEN_REQUIRE_SERVICES=1 it fails.
 */
export async function requireServices(t: Test): Promise<Services | undefined> {
  const databaseUrl = process.env.DATABASE_URL ?? 'postgres://127.0.0.1:5432/test'
  const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
  const absent = (await Promise.all([absence(databaseUrl, 5432), absence(redisUrl, 6379)])).filter(Boolean)
  if (absent.length === 0) return { databaseUrl: await makeDatabase(t, databaseUrl), redisUrl }

  const reason = `needs a server: ${absent.join(', ')}`
  if (process.env.CODEGEN_REQUIRE_SERVICES === '1') t.fail(reason)
  else t.plan(0, reason)
  return undefined
}

/** Why nobody can be reached at an address; undefined when somebody can. */
function absence(url: string, usualPort: number): Promise<string | undefined> {
  const { hostname, port, searchParams } = new URL(url)
  const portNumber = Number(port || usualPort)
  const folder = searchParams.get('host') ?? ''
  const where = folder.startsWith('/')
    ? { path: `${folder}/.s.PGSQL.${portNumber}` }
    : { host: hostname, port: portNumber }
  return new Promise((resolve) => {
    const socket = connect({ ...where, timeout: connectMsMax })
    const answer = (reason?: string): void => {
      socket.destroy()
      resolve(reason)
    }
    socket.on('connect', () => answer())
    socket.on('timeout', () => answer(`no answer from ${hostname || folder}:${portNumber}`))
    socket.on('error', (error) => answer(error.message))
  })
}

async function makeDatabase(t: Test, url: string): Promise<string> {
  const name = `codegen_test_${randomBytes(6).toString('hex')}`
  const own = new URL(url)
  // As psql does; `pg` wants a USER in the environment for it.
  own.username ||= process.env.PGUSER ?? userInfo().username
  const server = own.href
  await runStatement(server, `CREATE DATABASE ${name}`)
  t.teardown(() => runStatement(server, `DROP DATABASE ${name} WITH (FORCE)`))
  own.pathname = `/${name}`
  return own.href
}

async function runStatement(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
