import type { Presence } from '#executors/ports'
import type { RunKey } from '#runs/ports'

/** Presence of one process: everybody is here. */
export function createMemoryPresence(server: string): Presence {
  const present = new Set<string>()
  const listeners = new Set<(key: RunKey) => void>()
  return {
    arrived: (teamId, executorId) => void present.add(`${teamId}/${executorId}`),
    left: (teamId, executorId) => void present.delete(`${teamId}/${executorId}`),
    wake(key) {
      for (const listener of listeners) listener(key)
    },
    onWake(listener) {
      listeners.add(listener)
    },
    whereAre: async (teamId, executorIds) =>
      new Map(executorIds.filter((id) => present.has(`${teamId}/${id}`)).map((id) => [id, server])),
  }
}
