import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Test } from 'tap'
import { toEnvironment } from '#demo/environment'

/** What Maestro is to use; without a database it starts one of its own, without Redis its events stay in its process. */
export type MaestroUses = {
  readonly modelUrl: string
  readonly databaseUrl?: string | undefined
  readonly redisUrl?: string
  readonly token?: string
  /** More of its environment. */
  readonly env?: NodeJS.ProcessEnv
}

/** The `maestro` command as a process. */
export type MaestroProcess = {
  readonly pid: number
  /** Where executors connect. */
  readonly url: string
  readonly token: string
  /** What it has written to its log so far. */
  log(): string
  /** Asks over HTTP, with the token. */
  fetch(path: string, init?: RequestInit): Promise<Response>
  /** The same, for an answer in JSON. */
  json(path: string, init?: RequestInit): Promise<Record<string, unknown>>
  /** Sends JSON. */
  post(path: string, body: object): Promise<Response>
  /** Resolves when it has ended. */
  readonly gone: Promise<unknown>
  /** Ends it as `kill -9` does; resolves when it is gone. */
  kill(): Promise<void>
}

const program = join(import.meta.dirname, '..', '..', 'maestro', 'bin', 'maestro.js')

/** Starts `maestro` on a free port, as users start it. It is stopped with the test, and a stop that is not clean fails that. */
export async function startMaestro(t: Test, uses: MaestroUses): Promise<MaestroProcess> {
  const state = await mkdtemp(join(tmpdir(), 'maestro-'))
  const { modelUrl, databaseUrl, redisUrl, token = randomBytes(32).toString('hex'), env = {} } = uses
  const child = spawn(process.execPath, ['--conditions=codegen-source', program, '--port', '0', '--state', state], {
    env: {
      ...toEnvironment(join(state, 'home'), modelUrl),
      ...(databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }),
      ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
      MAESTRO_TOKENS: token,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let log = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text))
  let isKilled = false
  const ended = once(child, 'close')
  t.teardown(async () => {
    child.kill()
    const [code, signal] = await ended
    await rm(state, { recursive: true, force: true, maxRetries: 5 })
    if (!isKilled && code !== 0) throw new Error(`maestro ended with ${String(code ?? signal)}: ${log}`)
  })

  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    ended.then(([code]) => {
      throw new Error(`maestro did not start (${String(code)}): ${log}`)
    }),
  ])
  const url = /listens on (?<url>ws:\S+)/.exec(String(line))?.groups?.['url'] ?? ''
  const base = url.replace(/^ws/, 'http').replace('/v1/executor', '')
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${base}${path}`, { ...init, headers: { authorization: `Bearer ${token}`, ...init.headers } })
  return {
    pid: child.pid ?? 0,
    gone: ended,
    url,
    token,
    log: () => log,
    fetch: ask,
    json: async (path, init) => JSON.parse(await (await ask(path, init)).text()),
    post: (path, body) =>
      ask(path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    async kill() {
      isKilled = true
      child.kill('SIGKILL')
      await ended
    },
  }
}
