import type { Redis } from 'ioredis'
import { limits } from '#limits'

type Entry = readonly [id: string, event: string]
type Follower = (entries: readonly Entry[]) => void

/** Follows any number of streams over one blocking connection. */
export type StreamReader = {
  /** Calls back with the stream's entries from its beginning on, and then as they come. */
  follow(stream: string, follower: Follower): () => void
  close(): void
}

type StreamReaderPorts = {
  readonly redis: Redis
  readonly blocking: Redis
  warn(message: string, thrown: unknown): void
}

/**
 * One `XREAD BLOCK` over all streams that somebody follows. A new follower interrupts it (`CLIENT UNBLOCK`), so that nobody waits for the next
 * event of another run.
 */
export function createStreamReader(ports: StreamReaderPorts): StreamReader {
  const { redis, blocking } = ports
  const followed = new Map<string, { last: string; followers: Set<Follower> }>()
  let isReading = false
  let isClosed = false
  let clientId: number | undefined

  const read = async (): Promise<void> => {
    const streams = [...followed]
    const names = streams.map(([name]) => name)
    const lasts = streams.map(([, stream]) => stream.last)
    const found = await blocking.xread('COUNT', 1_000, 'BLOCK', limits.silenceMsMax, 'STREAMS', ...names, ...lasts)
    for (const [name, entries] of found ?? []) {
      const stream = followed.get(name)
      const final = entries.at(-1)
      if (!stream || !final) continue
      stream.last = final[0]
      const events = entries.map(([id, fields]): Entry => [id, fields[1] ?? ''])
      for (const follower of stream.followers) follower(events)
    }
  }
  const readOn = async (): Promise<void> => {
    clientId = await blocking.client('ID')
    while (followed.size > 0 && !isClosed) {
      try {
        await read()
      } catch (thrown) {
        if (isClosed) return
        ports.warn('Redis streams cannot be read; viewers read the log.', thrown)
        await new Promise((resolve) => setTimeout(resolve, limits.silenceMsMax).unref())
      }
    }
  }
  const start = (): void => {
    if (isClosed) return
    if (isReading) {
      // While it is between two reads this hits nothing, and the next read takes the new stream in.
      if (clientId !== undefined) redis.client('UNBLOCK', clientId).catch(() => undefined)
      return
    }
    isReading = true
    readOn()
      .catch((thrown: unknown) => ports.warn('Redis streams cannot be read; viewers read the log.', thrown))
      .finally(() => {
        isReading = false
        if (followed.size > 0) setTimeout(start, limits.silenceMsMax).unref()
      })
  }

  return {
    follow(name, follower) {
      const known = followed.get(name)
      // A second follower would miss what the first has read already: it starts the stream anew, and every reader drops repeats.
      const stream = { last: '0-0', followers: new Set([...(known?.followers ?? []), follower]) }
      followed.set(name, stream)
      start()
      return () => {
        const current = followed.get(name)
        current?.followers.delete(follower)
        if (current?.followers.size === 0) followed.delete(name)
      }
    },
    close() {
      isClosed = true
      followed.clear()
      blocking.disconnect()
    },
  }
}
