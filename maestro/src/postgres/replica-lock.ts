import pg from 'pg'
import type { ClientConfig } from 'pg'
import { Failure } from '@codegen/protocol/failure'

/** Any number; it keeps our locks apart from an application's own in the same database. */
const lockClass = 7717

/**
 * Takes the lock that says how many Maestros may share a schema: exclusive for one whose events stay in its process, shared for those that have Redis.
 * Held until `release`, on a connection of its own; `onLost` is called when that breaks. Fails with config.invalid when it cannot be had.
 */
export async function takeReplicaLock(
  connection: ClientConfig,
  kind: 'exclusive' | 'shared',
  onLost: (error: Error) => void,
): Promise<{ release(): Promise<void> }> {
  const client = new pg.Client(connection)
  await client.connect()
  const taken = await tryFor(client, kind)
  if (!taken) {
    await client.end()
    throw new Failure('config.invalid', refusal(kind))
  }
  let released = false
  client.on('error', (error) => {
    if (!released) onLost(error)
  })
  return {
    async release() {
      released = true
      await client.end()
    },
  }
}

const triesMax = 20
const tryEveryMs = 100

/** A Maestro that was just killed may hold it for a moment more. */
async function tryFor(client: pg.Client, kind: 'exclusive' | 'shared'): Promise<boolean> {
  const call = kind === 'exclusive' ? 'pg_try_advisory_lock' : 'pg_try_advisory_lock_shared'
  const text = `SELECT ${call}($1, hashtext(current_schema())) AS taken`
  for (let tries = 0; tries < triesMax; tries += 1) {
    const { rows } = await client.query<{ taken: boolean }>(text, [lockClass])
    if (rows[0]?.taken) return true
    await new Promise((resolve) => setTimeout(resolve, tryEveryMs))
  }
  return false
}

function refusal(kind: 'exclusive' | 'shared'): string {
  return kind === 'exclusive'
    ? 'Another Maestro uses this database; without REDIS_URL only one may run. Set REDIS_URL for all of them, or stop the other.'
    : 'A Maestro without REDIS_URL uses this database; stop it, or start it anew with REDIS_URL.'
}
