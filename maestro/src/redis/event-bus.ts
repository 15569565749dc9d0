import { parseEventId } from '@codegen/protocol/ids'
import type { Redis } from 'ioredis'
import { limits } from '#limits'
import { eventIdOf } from '#runs/event-outlet'
import type { EventBus, PublishedEvent, RunKey } from '#runs/ports'
import { StreamReader } from './stream-reader.ts'

export type RedisBus = EventBus & { close(): void }

type RedisBusPorts = {
  readonly redis: Redis
  /** A connection of its own: it spends its time blocked. */
  readonly blocking: Redis
  /** Carries this replica's own runs to its own viewers, without a detour. */
  readonly own: EventBus
  warn(message: string, thrown: unknown): void
}

/**
 * The event bus over Redis: one stream a run, entries under the events' own ids, trimmed and expiring. It is a cache: what cannot be
 * written is dropped, and readers find the facts in the log. Writes are gathered for limits.redisCoalesceMs; what waits for a slow Redis, and what a run
 * may take of it, is bounded in bytes.
 */
export function createRedisBus(ports: RedisBusPorts): RedisBus {
  const { redis, own } = ports
  const reader = new StreamReader(ports)
  let gathered: { stream: string; events: PublishedEvent[] }[] = []
  let gatheredBytes = 0
  let writingBytes = 0
  let timer: NodeJS.Timeout | undefined

  const flush = (): void => {
    timer = undefined
    const batches = gathered
    const bytes = gatheredBytes
    gathered = []
    gatheredBytes = 0
    if (redis.status !== 'ready' || writingBytes > limits.redisWaitingBytesMax) return
    writingBytes += bytes
    const pipeline = redis.pipeline()
    for (const { stream, events } of batches) {
      const eventsMax = eventsMaxOf(events)
      for (const event of events) {
        pipeline.xadd(stream, 'MAXLEN', '~', eventsMax, eventIdOf(event), 'event', event.text)
      }
      pipeline.expire(stream, limits.streamSecondsMax)
    }
    pipeline
      .exec()
      .catch((thrown: unknown) => ports.warn('Events could not be written to Redis; viewers read the log.', thrown))
      .finally(() => (writingBytes -= bytes))
  }

  return {
    replays: true,
    publish(key, events) {
      own.publish(key, events)
      gathered.push({ stream: toStream(key), events: [...events] })
      for (const { text } of events) gatheredBytes += text.length
      if (gatheredBytes > limits.redisWaitingBytesMax) {
        gathered = []
        gatheredBytes = 0
      }
      timer ??= setTimeout(flush, limits.redisCoalesceMs)
    },
    subscribe(key, scope, listener) {
      const leaveOwn = own.subscribe(key, scope, listener)
      if (scope === 'owner') return leaveOwn
      const leaveStream = reader.follow(toStream(key), (entries) => listener(entries.flatMap(toEvents)))
      return () => {
        leaveOwn()
        leaveStream()
      }
    },
    close() {
      clearTimeout(timer)
      flush()
      reader.close()
    },
  }
}

/** A stream of big events keeps fewer of them. */
function eventsMaxOf(events: readonly PublishedEvent[]): number {
  const longest = events.reduce((longestYet, { text }) => Math.max(longestYet, text.length), 1)
  return Math.min(limits.streamEventsMax, Math.ceil(limits.streamBytesMax / longest))
}

/** The name of a run's stream. */
function toStream(key: RunKey): string {
  return `codegen:${key.teamId}:run:${key.generationId}`
}

function toEvents([id, text]: readonly [string, string]): PublishedEvent[] {
  const at = parseEventId(id)
  const type = /^\{"type":"([a-z_]+)"/.exec(text)?.[1]
  return at && type ? [{ at, type, text }] : []
}
