import type { EventBus, PublishedEvent, RunKey } from '#runs/ports'

type Listener = (events: readonly PublishedEvent[]) => void

/** The event bus of one process: what a Maestro without Redis uses, and what carries a replica's own runs to its own viewers. */
export function createMemoryBus(): EventBus {
  const listeners = new Map<string, Set<Listener>>()
  return {
    replays: false,
    publish(key, events) {
      for (const listener of listeners.get(toName(key)) ?? []) listener(events)
    },
    subscribe(key, _scope, listener) {
      const name = toName(key)
      const set = listeners.get(name) ?? new Set()
      listeners.set(name, set.add(listener))
      return () => {
        set.delete(listener)
        if (set.size === 0 && listeners.get(name) === set) listeners.delete(name)
      }
    },
  }
}

function toName(key: RunKey): string {
  return `${key.teamId}/${key.generationId}`
}
