import { setTimeout as wait } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import { limits } from '#limits'

type Entry = readonly [id: string, event: string]
type Follower = (entries: readonly Entry[]) => void

type StreamReaderPorts = {
  readonly redis: Redis
  readonly blocking: Redis
  warn(message: string, thrown: unknown): void
}

/**
 * Follows any number of streams over one blocking connection: one `XREAD BLOCK` over all that somebody follows. A new follower interrupts it
 * (`CLIENT UNBLOCK`), so that nobody waits for the next event of another run.
 */
export class StreamReader {
  readonly #ports: StreamReaderPorts
  readonly #followed = new Map<string, { last: string; readonly followers: Set<Follower> }>()
  #isReading = false
  #isClosed = false
  #clientId: number | undefined
  /** How many reads have begun. */
  #reads = 0

  constructor(ports: StreamReaderPorts) {
    this.#ports = ports
  }

  /** Calls back with the stream's entries from its beginning on, and then as they come. Returns how to stop. */
  follow(name: string, follower: Follower): () => void {
    const known = this.#followed.get(name)
    // A second follower would miss what the first has read already: the stream is read anew, and every reader drops repeats.
    const stream = { last: '0-0', followers: known?.followers ?? new Set<Follower>() }
    stream.followers.add(follower)
    this.#followed.set(name, stream)
    this.#wake()
    return () => {
      stream.followers.delete(follower)
      if (stream.followers.size === 0) this.#followed.delete(name)
    }
  }

  close(): void {
    this.#isClosed = true
    this.#followed.clear()
    this.#ports.blocking.disconnect()
  }

  #wake(): void {
    if (this.#isClosed) return
    if (this.#isReading) {
      this.#interrupt().catch(() => undefined)
      return
    }
    this.#isReading = true
    this.#readOn().catch((thrown: unknown) =>
      this.#ports.warn('Redis streams are not read any more; viewers read the log.', thrown),
    )
  }

  /** Ends the read under way, so that the next one takes the new stream in. One that has not reached Redis yet cannot be hit, so it is tried again. */
  async #interrupt(): Promise<void> {
    const read = this.#reads
    while (this.#reads === read && this.#isReading && this.#clientId !== undefined) {
      if ((await this.#ports.redis.client('UNBLOCK', this.#clientId)) === 1) return
      await wait(limits.unblockRetryMs, undefined, { ref: false })
    }
  }

  async #readOn(): Promise<void> {
    try {
      while (this.#followed.size > 0 && !this.#isClosed) await this.#readSafely()
    } finally {
      this.#isReading = false
    }
  }

  async #readSafely(): Promise<void> {
    try {
      this.#clientId = await this.#ports.blocking.client('ID')
      await this.#readOnce()
    } catch (thrown) {
      if (this.#isClosed) return
      this.#ports.warn('Redis streams cannot be read; viewers read the log.', thrown)
      await wait(limits.silenceMsMax, undefined, { ref: false })
    }
  }

  async #readOnce(): Promise<void> {
    const streams = [...this.#followed]
    // The last follower may have left meanwhile, and a read of no stream is an error.
    if (streams.length === 0) return
    this.#reads += 1
    const names = streams.map(([name]) => name)
    const lasts = streams.map(([, stream]) => stream.last)
    const { blocking } = this.#ports
    const found = await blocking.xread('COUNT', 1_000, 'BLOCK', limits.silenceMsMax, 'STREAMS', ...names, ...lasts)
    for (const [name, entries] of found ?? []) {
      const before = streams.find(([known]) => known === name)?.[1]
      const stream = this.#followed.get(name)
      const final = entries.at(-1)
      // A stream that was begun anew while this was under way is read from its beginning next.
      if (!stream || stream !== before || !final) continue
      stream.last = final[0]
      const events = entries.map(([id, fields]): Entry => [id, fields[1] ?? ''])
      for (const follower of stream.followers) follower(events)
    }
  }
}
