import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { startScriptedModel } from '@codegen/scripted-model'
import { startRedis } from '#chaos/redis-server'
import { connectToDaemon } from '#demo/daemon-client'
import { toEnvironment } from '#demo/environment'
import { createDatabase } from '#support/services'
import { createPluginFolder } from './plugins.ts'
import type { PluginFolder } from './plugins.ts'
import { scenario } from './scenario.ts'
import { startWatched } from './watched-process.ts'
import type { WatchedProcess } from './watched-process.ts'

/** One codegend, one Maestro, a database and a Redis of their own, and the scripted model. */
export type World = {
  readonly folder: string
  readonly home: string
  readonly project: string
  readonly token: string
  /** Maestro's, over HTTP. */
  readonly address: string
  readonly maestro: WatchedProcess
  readonly daemon: WatchedProcess
  readonly plugins: PluginFolder
  /** Beside Maestro's own connections. */
  readonly database: pg.Client
  /** Ends everything; resolves with the names of what had to be killed. */
  remove(): Promise<string[]>
}

export async function createWorld(): Promise<World> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'soak-')))
  const [home, project] = [join(folder, 'home'), join(folder, 'project')]
  await mkdir(home, { mode: 0o700 })
  await mkdir(project)
  await writeFile(join(project, 'notes.txt'), 'A note.\n')
  const token = randomBytes(32).toString('hex')
  const model = await startScriptedModel({ scenario })
  const redis = await startRedis()
  const { url: databaseUrl, drop } = await createDatabase('codegen_soak')
  const maestro = await startWatched({
    program: 'maestro/bin/maestro.js',
    args: ['--port', '0', '--state', join(folder, 'maestro')],
    env: {
      ...toEnvironment(join(folder, 'maestro-home'), model.url),
      DATABASE_URL: databaseUrl,
      REDIS_URL: redis.url,
      MAESTRO_TOKENS: token,
      MAESTRO_REQUESTS_PER_SECOND: '1000000',
    },
    logFile: join(folder, 'maestro.log'),
    readyLine: /listens on ws:\/\/127\.0\.0\.1:(?<port>\d+)/,
  })
  const port = maestro.said.groups?.['port'] ?? ''
  const daemon = await startWatched({
    program: 'daemon/bin/codegend.js',
    args: [],
    env: {
      ...toEnvironment(home, model.url),
      CODEGEN_MAESTRO_URL: `ws://127.0.0.1:${port}/v1/executor`,
      CODEGEN_TOKEN: token,
    },
    logFile: join(folder, 'codegend.log'),
  })
  await untilConnected(home, daemon)
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()

  return {
    folder,
    home,
    project,
    token,
    address: `http://127.0.0.1:${port}`,
    maestro,
    daemon,
    plugins: createPluginFolder(home),
    database,
    async remove() {
      const killed: string[] = []
      if (!(await daemon.stop())) killed.push('codegend')
      if (!(await maestro.stop())) killed.push('maestro')
      await database.end()
      await drop()
      await redis.stop()
      await model.stop()
      return killed
    },
  }
}

export async function removeFolder({ folder }: World): Promise<void> {
  await rm(folder, { recursive: true, force: true, maxRetries: 5 })
}

async function untilConnected(home: string, daemon: WatchedProcess): Promise<void> {
  for (;;) {
    const client = await connectToDaemon(home, { kind: 'soak' })
    const status = await client?.peer.request('daemon/status', {})
    client?.close()
    if (status?.maestro.state === 'connected') return
    if (!daemon.isAlive()) throw new Error('codegend has ended before it was ready.')
    await delay(50)
  }
}
