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
 * Postgres and Redis for a test, from DATABASE_URL and REDIS_URL or their usual places on this machine. Where one cannot be used the test is skipped
 * with the reason and the answer is undefined; with CODEGEN_REQUIRE_SERVICES=1 it fails.
 */
export async function requireServices(t: Test): Promise<Services | undefined> {
  const redisUrl = process.env.REDIS_URL ?? 'redis://127.0.0.1:6379'
  try {
    await reach(redisUrl)
    return { databaseUrl: await makeDatabase(t), redisUrl }
  } catch (thrown) {
    const reason = `needs Postgres and Redis: ${thrown instanceof Error ? thrown.message : String(thrown)}`
    if (process.env.CODEGEN_REQUIRE_SERVICES === '1') t.fail(reason)
    else t.plan(0, reason)
    return undefined
  }
}

/**
 * An empty database of this test's own, gone when the test ends; undefined where no Postgres can be used, and Maestro then starts its own. With
 * CODEGEN_REQUIRE_SERVICES=1 it is there or this throws.
 */
export async function findDatabase(t: Test): Promise<string | undefined> {
  try {
    return await makeDatabase(t)
  } catch (thrown) {
    if (process.env.CODEGEN_REQUIRE_SERVICES === '1') throw thrown
    return undefined
  }
}

function reach(url: string): Promise<void> {
  const { hostname, port } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port || 6379), timeout: connectMsMax })
    socket.on('connect', () => {
      socket.destroy()
      resolve()
    })
    socket.on('timeout', () => socket.destroy(new Error(`no answer from ${url}`)))
    socket.on('error', reject)
  })
}

async function makeDatabase(t: Test): Promise<string> {
  const { url, drop } = await createDatabase('codegen_test')
  t.teardown(drop)
  return url
}

/** An empty database beside that of DATABASE_URL, or of its usual place on this machine. */
export async function createDatabase(prefix: string): Promise<{ readonly url: string; drop(): Promise<void> }> {
  const own = new URL(process.env.DATABASE_URL ?? 'postgres://127.0.0.1:5432/test')
  const name = `${prefix}_${randomBytes(6).toString('hex')}`
  if (own.username === '') own.username = userName()
  const server = own.href
  await runStatement(server, `CREATE DATABASE ${name}`)
  own.pathname = `/${name}`
  return { url: own.href, drop: () => runStatement(server, `DROP DATABASE ${name} WITH (FORCE)`) }
}

/** As psql finds it; `pg` alone does not ask the system. */
function userName(): string {
  return process.env.PGUSER ?? process.env.USER ?? userInfo().username
}

async function runStatement(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: connectMsMax })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
