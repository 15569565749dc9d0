import { Failure } from '@codegen/protocol/failure'

/** Whether a private Maestro can be dialled, and those who wait for that. */
export type Readiness = {
  become(state: ReadyState): void
  /** Resolves when it is or becomes ready. Fails with why it could not start; aborting `signal` stops waiting. */
  untilReady(signal: AbortSignal): Promise<void>
}

export type ReadyState =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly failure: Failure }

type Waiter = { resolve(): void; reject(failure: Failure): void }

export function createReadiness(): Readiness {
  const waiters = new Set<Waiter>()
  let state: ReadyState = { kind: 'starting' }
  return {
    become(next) {
      state = next
      if (next.kind === 'starting') return
      const waiting = [...waiters]
      waiters.clear()
      for (const waiter of waiting) {
        if (next.kind === 'ready') waiter.resolve()
        else waiter.reject(next.failure)
      }
    },
    untilReady(signal) {
      if (state.kind === 'ready') return Promise.resolve()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const waiter = { resolve, reject }
      waiters.add(waiter)
      const giveUp = (): void => reject(new Failure('client.cancelled', 'It was cancelled.'))
      signal.addEventListener('abort', giveUp, { once: true })
      return promise.finally(() => {
        waiters.delete(waiter)
        signal.removeEventListener('abort', giveUp)
      })
    },
  }
}
