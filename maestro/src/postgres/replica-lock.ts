import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import type { ClientConfig } from 'pg'
import { Failure } from '@codegen/protocol/failure'

/** Any number; it keeps our locks apart from an application's own in the same database. */
const lockClass = 7717

/**
 * Takes the lock that says how many Maestros may share a schema: exclusive for one whose events stay in its process, shared for those that have Redis.
 * Held until `release`, on a connection of its own; when that breaks, `onLost` is called and the lock is taken again as soon as it can be had. Fails with
 * config.invalid when it cannot be had at first.
 */
export async function takeReplicaLock(
  connection: ClientConfig,
  kind: 'exclusive' | 'shared',
  onLost: (error: Error) => void,
): Promise<{ release(): Promise<void> }> {
  const released = new AbortController()
  let client = await lockOnce(connection, kind, lost)
  let retaking = Promise.resolve()

  function lost(error: Error): void {
    if (released.signal.aborted) return
    onLost(error)
    retaking = retake()
  }

  async function retake(): Promise<void> {
    for (let waitMs = 50; !released.signal.aborted; waitMs = Math.min(waitMs * 2, retakeMsMax)) {
      await wait(waitMs, undefined, { signal: released.signal, ref: false }).catch(() => undefined)
      const taken = await lockOnce(connection, kind, lost).catch(() => undefined)
      if (!taken) continue
      client = taken
      return
    }
  }

  return {
    async release() {
      released.abort()
      await retaking
      // The connection may be lost, and the lock with it.
      await client.end().catch(() => undefined)
    },
  }
}

async function lockOnce(
  connection: ClientConfig,
  kind: 'exclusive' | 'shared',
  onLost: (error: Error) => void,
): Promise<pg.Client> {
  const client = new pg.Client(connection)
  let isHeld = false
  client.on('error', (error) => {
    if (isHeld) onLost(error)
    isHeld = false
  })
  try {
    await client.connect()
    if (!(await tryFor(client, kind))) throw new Failure('config.invalid', refusal(kind))
    isHeld = true
    return client
  } catch (thrown) {
    await client.end().catch(() => undefined)
    throw thrown
  }
}

const retakeMsMax = 2_000
const triesMax = 20
const tryEveryMs = 100

/** A Maestro that was just killed may hold it for a moment more. */
async function tryFor(client: pg.Client, kind: 'exclusive' | 'shared'): Promise<boolean> {
  const call = kind === 'exclusive' ? 'pg_try_advisory_lock' : 'pg_try_advisory_lock_shared'
  const text = `SELECT ${call}($1, hashtext(current_schema())) AS taken`
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { rows } = await client.query<{ taken: boolean }>(text, [lockClass])
    if (rows[0]?.taken) return true
    await wait(tryEveryMs)
  }
  return false
}

function refusal(kind: 'exclusive' | 'shared'): string {
  return kind === 'exclusive'
    ? 'Another Maestro uses this database; without REDIS_URL only one may run. Set REDIS_URL for all of them, or stop the other.'
    : 'A Maestro without REDIS_URL uses this database; stop it, or start it anew with REDIS_URL.'
}
