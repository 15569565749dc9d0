import { setTimeout as wait } from 'node:timers/promises'
import type { EmbeddedConnection } from './embedded-postmaster.ts'

/** A PostgreSQL in a place. */
export type RunningPostgres = {
  readonly connection: EmbeddedConnection
  /** Resolves when it is gone, whoever ended it. */
  readonly gone: Promise<void>
  stop(): Promise<void>
}

/**
 * Keeps it running: one that ends without being asked is started again, with pauses that double, for as long as this process wants it. Whoever has lost its
 * connections meanwhile connects anew.
 */
export function keepRunning(
  first: RunningPostgres,
  again: (signal: AbortSignal) => Promise<RunningPostgres>,
  log: (message: string, thrown?: unknown) => void,
): Pick<RunningPostgres, 'connection' | 'stop'> {
  const stopping = new AbortController()
  const { signal } = stopping
  let running = first

  async function keep(): Promise<void> {
    while (!signal.aborted) {
      await running.gone
      if (signal.aborted) return
      log("Maestro's own PostgreSQL has ended by itself and is started again.")
      await startAgain()
    }
  }

  async function startAgain(): Promise<void> {
    for (let waitMs = pauseMsMin; !signal.aborted; waitMs = Math.min(waitMs * 2, pauseMsMax)) {
      try {
        running = await again(signal)
        return
      } catch (thrown) {
        if (signal.aborted) return
        log("Maestro's own PostgreSQL could not be started again; it is tried once more.", thrown)
        await wait(waitMs, undefined, { signal }).catch(() => undefined)
      }
    }
  }

  const kept = keep()
  return {
    connection: first.connection,
    async stop() {
      stopping.abort()
      await running.stop()
      await kept
    },
  }
}

const pauseMsMin = 50
const pauseMsMax = 5_000
