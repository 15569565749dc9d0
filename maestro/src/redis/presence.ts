import type { Redis } from 'ioredis'
import type { Presence } from '#executors/ports'
import type { RunKey } from '#runs/ports'

const wakeChannel = 'codegen:wake'
const secondsMax = 90

type PresencePorts = {
  readonly redis: Redis
  /** A connection of its own: it only listens. */
  readonly listening: Redis
  /** This replica's name. */
  readonly server: string
  warn(message: string, thrown: unknown): void
}

/**
 * Presence in Redis: `codegen:<team>:executor:<id>` names the replica that holds an executor's connection (what the founding document calls
 * sessions), refreshed while it lasts and gone by itself when the replica is. Wake-ups go to every replica; the one that owns the run acts.
 */
export function createRedisPresence(ports: PresencePorts): Presence & { close(): void } {
  const { redis, listening, server } = ports
  const present = new Set<string>()
  const ignore = (thrown: unknown): void => ports.warn('Presence could not be written to Redis.', thrown)
  const write = (name: string): void => {
    redis.set(name, server, 'EX', secondsMax).catch(ignore)
  }
  const refresh = setInterval(() => present.forEach(write), (secondsMax / 3) * 1_000)
  refresh.unref()

  return {
    arrived(teamId, executorId) {
      const name = toName(teamId, executorId)
      present.add(name)
      write(name)
    },
    left(teamId, executorId) {
      const name = toName(teamId, executorId)
      if (!present.delete(name)) return
      // Another replica may hold it by now: only our own word is taken back.
      const script = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"
      redis.eval(script, 1, name, server).catch(ignore)
    },
    wake(key) {
      redis.publish(wakeChannel, `${key.teamId} ${key.generationId}`).catch(ignore)
    },
    onWake(listener) {
      listening.on('message', (_channel: string, text: string) => {
        const key = parseKey(text)
        if (key) listener(key)
      })
      listening.subscribe(wakeChannel).catch(ignore)
    },
    async whereAre(teamId, executorIds) {
      if (executorIds.length === 0) return new Map()
      const servers = await redis.mget(executorIds.map((id) => toName(teamId, id)))
      return new Map(executorIds.flatMap((id, index) => (servers[index] ? [[id, servers[index]]] : [])))
    },
    close() {
      clearInterval(refresh)
      listening.disconnect()
    },
  }
}

function toName(teamId: string, executorId: string): string {
  return `codegen:${teamId}:executor:${executorId}`
}

function parseKey(text: string): RunKey | undefined {
  const [teamId, generationId] = text.split(' ')
  return teamId && generationId ? { teamId, generationId } : undefined
}
