import type { Presence } from '#executors/ports'
import type { RunKey } from '#runs/ports'

/** Presence of one process: everybody is here. */
export function createMemoryPresence(): Presence {
  const listeners = new Set<(key: RunKey) => void>()
  return {
    arrived: () => undefined,
    left: () => undefined,
    wake(key) {
      for (const listener of listeners) listener(key)
    },
    onWake(listener) {
      listeners.add(listener)
    },
  }
}
