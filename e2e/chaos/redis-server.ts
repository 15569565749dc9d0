import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '#demo/free-port'
import { Redis } from 'ioredis'

/** A Redis of one's own, because it is emptied and ended. */
export type RedisServer = {
  readonly url: string
  flush(): Promise<void>
  stop(): Promise<void>
  /** Starts it again, empty. */
  start(): Promise<void>
  restart(downMs: number): Promise<void>
}

export async function startRedis(): Promise<RedisServer> {
  const port = await freePort()
  let server: ChildProcess | undefined
  const start = async (): Promise<void> => {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', tmpdir()]
    server = spawn('redis-server', args, { stdio: 'ignore' })
    const client = new Redis(port, '127.0.0.1', { retryStrategy: () => 20 })
    client.on('error', () => undefined)
    await new Promise<void>((resolve) => client.once('ready', resolve))
    client.disconnect()
  }
  const stop = async (): Promise<void> => {
    const leaving = server
    server = undefined
    if (!leaving || leaving.exitCode !== null) return
    leaving.kill('SIGKILL')
    await once(leaving, 'exit')
  }
  await start()
  return {
    url: `redis://127.0.0.1:${port}`,
    start,
    stop,
    async flush() {
      const client = new Redis(port, '127.0.0.1', { retryStrategy: () => null, lazyConnect: true })
      client.on('error', () => undefined)
      await client.connect().then(
        () => client.flushall(),
        () => undefined,
      )
      client.disconnect()
    },
    async restart(downMs) {
      await stop()
      await delay(downMs)
      await start()
    },
  }
}
