import { randomUUID } from 'node:crypto'
import { limits } from '#limits'
import type { OpenCall } from './open-call.ts'

/** Calls whose question went to the client as the answer of a request, until the request that brings the answer back. */
export type SuspendedCalls = {
  /** Keeps a call and names it. One that nobody comes back for within limits.mcpAnswerMsMax is cancelled. */
  keep(call: OpenCall): string
  /** The call of that name, once. */
  take(state: string): OpenCall | undefined
  /** Cancels all of them. */
  close(): void
}

export function createSuspendedCalls(): SuspendedCalls {
  const kept = new Map<string, { call: OpenCall; timer: NodeJS.Timeout }>()

  function take(state: string): OpenCall | undefined {
    const found = kept.get(state)
    clearTimeout(found?.timer)
    kept.delete(state)
    return found?.call
  }

  return {
    keep(call) {
      const state = randomUUID()
      kept.set(state, { call, timer: setTimeout(() => take(state)?.cancel(), limits.mcpAnswerMsMax) })
      return state
    },
    take,
    close() {
      for (const state of [...kept.keys()]) take(state)?.cancel()
    },
  }
}
