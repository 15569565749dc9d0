import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { Connection } from './connection.ts'
import type { Access } from './send.ts'

/** How things stand between this machine and Maestro. */
export type LinkState =
  | { readonly kind: 'connecting' }
  | ConnectedState
  | { readonly kind: 'waiting'; readonly failure: Failure }
  | { readonly kind: 'stopped' }

export type ConnectedState =
  | { readonly kind: 'connected'; readonly level: 1; readonly epoch: number; readonly connection: Connection }
  /** A server that speaks only the founding document's messages: each run has a connection of its own. */
  | { readonly kind: 'connected'; readonly level: 0; readonly access: Access }

/** The one state of the link, and those who wait for it to be connected. */
export type LinkStates = {
  now(): LinkState
  become(state: LinkState): void
  /** Resolves at the next `connected`. Fails with what the next dial fails with, when the link stops, or with server.unreachable after a while. */
  untilConnected(signal: AbortSignal): Promise<ConnectedState>
}

type Waiter = { resolve(state: ConnectedState): void; reject(failure: Failure): void }

export function createLinkStates(): LinkStates {
  const waiters = new Set<Waiter>()
  let state: LinkState = { kind: 'connecting' }

  function settle(tell: (waiter: Waiter) => void): void {
    const waiting = [...waiters]
    waiters.clear()
    waiting.forEach(tell)
  }

  return {
    now: () => state,
    become(next) {
      state = next
      if (next.kind === 'connected') settle(({ resolve }) => resolve(next))
      if (next.kind === 'waiting') settle(({ reject }) => reject(next.failure))
      if (next.kind === 'stopped') settle(({ reject }) => reject(leaving()))
    },
    untilConnected(signal) {
      if (state.kind === 'connected') return Promise.resolve(state)
      if (state.kind === 'stopped') return Promise.reject(leaving())
      const { promise, resolve, reject } = Promise.withResolvers<ConnectedState>()
      const waiter = { resolve, reject }
      const given = AbortSignal.any([signal, AbortSignal.timeout(limits.linkReadyMsMax)])
      const giveUp = (): void => reject(signal.aborted ? cancelled() : stillConnecting())
      waiters.add(waiter)
      given.addEventListener('abort', giveUp, { once: true })
      return promise.finally(() => {
        waiters.delete(waiter)
        given.removeEventListener('abort', giveUp)
      })
    },
  }
}

function leaving(): Failure {
  return new Failure('client.closed', 'codegend is leaving.')
}

function cancelled(): Failure {
  return new Failure('client.cancelled', 'The request was cancelled.')
}

function stillConnecting(): Failure {
  const message = 'Maestro cannot be reached yet; try again in a moment, or see what "codegen status" says.'
  return new Failure('server.unreachable', message)
}
