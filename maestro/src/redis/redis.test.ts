import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { test } from 'tap'
import type { Test } from 'tap'
import { StreamReader } from '#redis/stream-reader'

test('a stream that is followed anew is read at once, whatever was read before and whoever left', async (t) => {
  const parts = await connect(t)
  if (!parts) return
  const { redis, reader, warnings, name } = parts
  for (let round = 0; round < 200; round += 1) {
    // Somebody who looks in and leaves: at once, before the read is under way, or while it is blocked.
    const leave = reader.follow(name(), () => undefined)
    if (round % 4 > 0) await wait((round % 4) - 1)
    leave()
    if (round % 3 > 0) await wait((round % 3) - 1)
    const stream = name()
    const arrival = Promise.withResolvers<string>()
    const stop = reader.follow(stream, ([entry]) => arrival.resolve(entry?.[1] ?? ''))
    await redis.xadd(stream, '1-0', 'event', `round ${round}`)
    const event = await arrival.promise
    if (event !== `round ${round}`) t.fail(`${event} in round ${round}`)
    stop()
  }
  t.strictSame(warnings, [])
})

test('every follower sees a whole stream in order, also one that comes later', async (t) => {
  const parts = await connect(t)
  if (!parts) return
  const { redis, reader, warnings, name } = parts
  const stream = name()
  const ids = Array.from({ length: 50 }, (_, index) => `${index + 1}-0`)
  const followers: { seen: Set<string>; whole: Promise<void> }[] = []
  for (const [index, id] of ids.entries()) {
    if ([0, 10, 25, 49].includes(index)) followers.push(followToTheEnd(reader, { stream, length: ids.length }))
    await redis.xadd(stream, id, 'event', id)
  }
  await Promise.all(followers.map(({ whole }) => whole))
  for (const { seen } of followers) t.strictSame([...seen], ids)
  t.strictSame(warnings, [])
})

function followToTheEnd(reader: StreamReader, { stream, length }: { stream: string; length: number }) {
  const seen = new Set<string>()
  const { promise: whole, resolve } = Promise.withResolvers<void>()
  reader.follow(stream, (entries) => {
    for (const [id] of entries) seen.add(id)
    if (seen.size === length) resolve()
  })
  return { seen, whole }
}

/** Skips the test where there is no Redis; with CODEGEN_REQUIRE_SERVICES=1 it fails. */
async function connect(t: Test) {
  const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379'
  const open = () => new Redis(url, { lazyConnect: true, retryStrategy: () => null }).on('error', () => undefined)
  const [redis, blocking] = [open(), open()]
  try {
    await Promise.all([redis.connect(), blocking.connect()])
  } catch (thrown) {
    if (process.env['CODEGEN_REQUIRE_SERVICES'] === '1') throw thrown
    t.plan(0, 'needs a Redis')
    return undefined
  }
  const warnings: string[] = []
  const reader = new StreamReader({
    redis,
    blocking,
    warn: (message, thrown) => warnings.push(`${message} ${String(thrown)}`),
  })
  const names: string[] = []
  t.teardown(async () => {
    reader.close()
    if (names.length > 0) await redis.del(...names)
    redis.disconnect()
  })
  const name = (): string => {
    const made = `codegen:test:${randomUUID()}`
    names.push(made)
    return made
  }
  return { redis, reader, warnings, name }
}
