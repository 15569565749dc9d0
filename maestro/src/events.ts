import { Redis } from 'ioredis'
import { Failure } from '@codegen/protocol/failure'
import type { Presence } from '#executors/ports'
import type { Look, ReadyCheck } from '#http/ports'
import { limits } from '#limits'
import { createMemoryBus } from '#memory/event-bus'
import { createMemoryPresence } from '#memory/presence'
import { createRedisBus } from '#redis/event-bus'
import { createRedisPresence } from '#redis/presence'
import type { EventBus } from '#runs/ports'
import type { Config } from './config.ts'

type Events = { bus: EventBus; presence: Presence; checks: ReadyCheck[]; looks: Look[] }
type Of = { warn: (message: string, thrown?: unknown) => void; server: string }

/** Opens the event bus and presence: over Redis where REDIS_URL names one, else inside this process. */
export async function openEvents(config: Config, of: Of, stack: AsyncDisposableStack): Promise<Events> {
  const own = createMemoryBus()
  if (!config.redisUrl) {
    const look = (): Promise<string> => Promise.resolve('not used: events stay in this one Maestro')
    return { bus: own, presence: createMemoryPresence(of.server), checks: [], looks: [{ name: 'redis', look }] }
  }
  const [redis, blocking, listening] = await Promise.all([
    connect(config.redisUrl, of),
    connect(config.redisUrl, of),
    connect(config.redisUrl, of),
  ])
  stack.defer(() => redis.disconnect())
  const bus = createRedisBus({ redis, blocking, own, warn: of.warn })
  stack.defer(() => bus.close())
  const presence = createRedisPresence({ redis, listening, server: of.server, warn: of.warn })
  stack.defer(() => presence.close())
  const check = async (): Promise<void> => {
    await redis.ping()
  }
  // What is thrown for a command that cannot be sent says nothing of why the connection is gone.
  let lastError = 'the connection was closed'
  redis.on('error', ({ message }: Error) => (lastError = message))
  const look = async (): Promise<string> => {
    const said = await redis.info('server').catch((cause: unknown) => {
      throw unreachable(lastError, cause)
    })
    return `Redis ${/redis_version:(\S+)/.exec(said)?.[1] ?? 'of an unknown version'}, the one of REDIS_URL`
  }
  return { bus, presence, checks: [{ name: 'redis', check }], looks: [{ name: 'redis', look }] }
}

/** Fails with redis.unreachable when Redis cannot be had at the start; later it is waited for. */
async function connect(url: string, of: Of): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: limits.redisConnectMs,
    // A command that cannot be sent now is dropped: Redis is a cache here, and nothing may pile up for it.
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    retryStrategy: (tries) => Math.min(tries * 100, 2_000),
  })
  let lastError = 'no reason given'
  redis.on('error', (error: Error) => {
    lastError = error.message
    of.warn(`Redis: ${error.message}`)
  })
  try {
    await redis.connect()
    return redis
  } catch (cause) {
    redis.disconnect()
    throw unreachable(lastError, cause)
  }
}

function unreachable(reason: string, cause: unknown): Failure {
  return new Failure(
    'redis.unreachable',
    `Redis cannot be reached (${reason}); check REDIS_URL and that the server is up.`,
    { cause },
  )
}
