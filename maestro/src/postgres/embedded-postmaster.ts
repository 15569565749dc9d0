import { execFile } from 'node:child_process'
import { link, readFile, readlink, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import type { ClientConfig } from 'pg'
import { limits } from '#limits'
import type { Place } from './embedded-place.ts'

/** How Maestro's own Postgres is reached. The socket's folder is the door: whoever can enter it is trusted. */
export function connectionTo(place: Place): EmbeddedConnection {
  return { host: place.socketFolder, port: 5432, user: 'codegen', database: 'postgres' }
}

export type EmbeddedConnection = {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly database: string
}

/**
 * The process id of a Postgres that serves this place, waiting for one that is starting or stopping; undefined when there is none. What a dead
 * one left behind is put away, so that a process that has its number now does not keep the next one from starting.
 */
export async function findPostmaster(place: Place, signal: AbortSignal | undefined): Promise<number | undefined> {
  const files = [join(place.data, 'postmaster.pid'), join(place.socketFolder, '.s.PGSQL.5432.lock')]
  const [text, ...others] = await Promise.all(files.map((file) => readFile(file, 'utf8').catch(() => '')))
  const pid = Number(text?.split('\n', 1)[0])
  const asked = performance.now()
  for (;;) {
    const state = text ? await knock(place) : 'absent'
    if (state === 'serves') return pid
    if (state === 'absent' && !(await isPostmaster(pid, place))) break
    const msMax = state === 'busy' ? limits.embedded.startMsMax : limits.embedded.unreachableMsMax
    if (performance.now() - asked > msMax) {
      await endPostmaster(pid, place)
      break
    }
    await wait(limits.embedded.pollMs, undefined, signal ? { signal } : {})
  }
  await Promise.all([text, ...others].map((left, index) => removeIfStill(files[index], left)))
  return undefined
}

/** Ends a Postgres, gently first. Resolves when it is gone, or when it could not even be killed in time. */
export async function endPostmaster(pid: number, place: Place): Promise<void> {
  for (const [signal, msMax] of [
    ['SIGINT', limits.embedded.stopMsMax],
    ['SIGQUIT', limits.embedded.quitMsMax],
    ['SIGKILL', limits.embedded.quitMsMax],
  ] as const) {
    if (!(await isPostmaster(pid, place))) return
    process.kill(pid, signal)
    const until = performance.now() + msMax
    while (performance.now() < until && (await isPostmaster(pid, place))) await wait(limits.embedded.pollMs)
  }
}

/** Whether anybody but the asker is connected. */
export async function hasOtherClients(place: Place): Promise<boolean> {
  const client = new pg.Client(clientOptions(place))
  client.on('error', () => {})
  try {
    await client.connect()
    const others = await client.query(
      "SELECT 1 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() LIMIT 1",
    )
    return others.rows.length > 0
  } finally {
    await client.end()
  }
}

const cannotConnectNow = '57P03'

/** `busy`: it is there and starting or stopping. */
async function knock(place: Place): Promise<'serves' | 'busy' | 'absent'> {
  const client = new pg.Client(clientOptions(place))
  client.on('error', () => {})
  try {
    await client.connect()
    return 'serves'
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) return 'absent'
    return error.code === cannotConnectNow ? 'busy' : 'serves'
  } finally {
    await client.end().catch(() => {})
  }
}

/** Nothing of the environment's PG variables: they mean another server. */
function clientOptions(place: Place): ClientConfig {
  return {
    ...connectionTo(place),
    ssl: false,
    password: '',
    options: '',
    connectionTimeoutMillis: limits.embedded.unreachableMsMax,
  }
}

/** A postmaster works in its data folder; a process that merely has the number does not. */
async function isPostmaster(pid: number, place: Place): Promise<boolean> {
  if (!Number.isSafeInteger(pid) || pid <= 1) return false
  if (process.platform === 'linux') {
    return await readlink(`/proc/${pid}/cwd`).then(
      (folder) => folder === place.data,
      () => false,
    )
  }
  return await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).then(
    ({ stdout }) => stdout.includes(place.data),
    () => false,
  )
}

/** Removes a file that holds this text; when another Postgres has just put its own there it is put back. */
async function removeIfStill(file: string | undefined, text: string | undefined): Promise<void> {
  if (!file || !text) return
  const aside = `${file}.stale-${process.pid}`
  try {
    await rename(file, aside)
    if ((await readFile(aside, 'utf8')) !== text) await link(aside, file)
    await rm(aside, { force: true })
  } catch {
    // Somebody else was faster.
  }
}

/** Sees when a process that is none of ours has ended. */
export function watchProcess(pid: number): { readonly gone: Promise<void>; stop(): void } {
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  const timer = setInterval(() => {
    try {
      process.kill(pid, 0)
    } catch (error) {
      // It may be another account's.
      if (error instanceof Error && 'code' in error && error.code === 'ESRCH') stop()
    }
  }, limits.embedded.watchMs)
  timer.unref()
  const stop = (): void => {
    clearInterval(timer)
    resolve()
  }
  return { gone, stop }
}
