import { setTimeout as delay } from 'node:timers/promises'
import { Failure, toFailure } from '@codegen/protocol/failure'
import { closeCodes } from '@codegen/protocol/wire'
import type { Handshake, MaestroFrame } from '@codegen/protocol/wire'
import type { Log } from '#log'
import { limits } from '#limits'
import { serveConnection } from './connection.ts'
import type { Connection, ConnectionEnd } from './connection.ts'
import { dial } from './dial.ts'
import type { Identity } from './identity.ts'
import { nextDial } from './next-dial.ts'
import type { Access } from './send.ts'

/** How things stand between this machine and Maestro. */
export type LinkState =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'connected'; readonly level: 1; readonly epoch: number; readonly connection: Connection }
  /** A server that speaks only the founding document's messages: each run has a connection of its own. */
  | { readonly kind: 'connected'; readonly level: 0; readonly access: Access }
  | { readonly kind: 'waiting'; readonly failure: Failure }
  | { readonly kind: 'stopped' }

/** The one link to Maestro, kept for as long as this process lives. */
export type Link = {
  start(): void
  state(): LinkState
  /** Resolves when there is a link; dials at once where it was waiting to. Fails with what the next dial fails with, or server.unreachable after a while. */
  ready(signal: AbortSignal): Promise<Extract<LinkState, { kind: 'connected' }>>
  /** Dials again after so many milliseconds, whatever there is now. */
  redial(afterMs: number): void
  /** Says goodbye and closes. */
  stop(): Promise<void>
}

export type LinkOptions = {
  /** Where to dial; waits for a private Maestro. */
  access(signal: AbortSignal): Promise<Access>
  readonly identity: Identity
  handshake(epoch: number | undefined): Handshake
  /** A connection was welcomed: its epoch is on disk. */
  connected(connection: Connection): void
  disconnected(): void
  frame(frame: MaestroFrame): void
  readonly log: Log
}

type Waiter = { resolve(state: Extract<LinkState, { kind: 'connected' }>): void; reject(failure: Failure): void }

export function createLink(options: LinkOptions): Link {
  const { identity, log } = options
  const stopping = new AbortController()
  const waiters = new Set<Waiter>()
  let state: LinkState = { kind: 'connecting' }
  let pause = new AbortController()
  let redialTimer: NodeJS.Timeout | undefined
  let loop: Promise<void> | undefined

  function become(next: LinkState): void {
    state = next
    if (next.kind === 'connecting' || next.kind === 'stopped') return
    const waiting = [...waiters]
    waiters.clear()
    for (const waiter of waiting) {
      if (next.kind === 'connected') waiter.resolve(next)
      else waiter.reject(next.failure)
    }
  }

  /** Resolves when the link is over, or could not be made. */
  async function connectOnce(): Promise<ConnectionEnd> {
    const access = await options.access(stopping.signal)
    const { shown } = access.target
    const { socket, level } = await dial(access, stopping.signal)
    if (level === 0) {
      socket.close(closeCodes.done)
      become({ kind: 'connected', level, access })
      log.info('the server speaks only the first protocol', { server: shown })
      return untilRedial()
    }
    return serveConnection(socket, options.handshake(identity.epochOf(shown)), {
      welcomed(connection) {
        const { epoch } = connection.welcome
        identity.saveEpoch(shown, epoch)
        log.info('connected', { server: shown, epoch })
        options.connected(connection)
        become({ kind: 'connected', level: 1, epoch, connection })
      },
      frame: options.frame,
    }).then((end) => {
      options.disconnected()
      if (end.epoch !== undefined) identity.saveEpoch(shown, end.epoch)
      return end
    })
  }

  async function untilRedial(): Promise<ConnectionEnd> {
    await sleep(seedCheckMs)
    return { code: closeCodes.done, failure: new Failure('server.unreachable', 'The server is looked for again.') }
  }

  /** Until the time is up, or somebody cannot wait, or the end. */
  async function sleep(milliseconds: number): Promise<void> {
    pause = new AbortController()
    const signal = AbortSignal.any([pause.signal, stopping.signal])
    await delay(milliseconds, undefined, { signal }).catch(() => {})
  }

  async function keepConnected(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted;) {
      become({ kind: 'connecting' })
      const dialledAt = performance.now()
      const end = await connectOnce().catch((error: unknown): ConnectionEnd => ({ code: 0, failure: toFailure(error) }))
      clearTimeout(redialTimer)
      if (stopping.signal.aborted) break
      const next = nextDial(end, { failures, livedMs: performance.now() - dialledAt, random: Math.random() })
      failures = next.failures
      log.warn('no link to Maestro', { reason: end.failure.message, code: end.failure.code, nextDialMs: next.waitMs })
      if (next.waitMs === 0) continue
      become({ kind: 'waiting', failure: end.failure })
      await sleep(next.waitMs)
    }
    become({ kind: 'stopped' })
  }

  return {
    start() {
      loop ??= keepConnected()
    },
    state: () => state,
    ready(signal) {
      if (state.kind === 'connected') return Promise.resolve(state)
      if (state.kind === 'stopped') return Promise.reject(new Failure('client.closed', 'codegend is leaving.'))
      if (state.kind === 'waiting' && !state.failure.retryable) return Promise.reject(state.failure)
      const { promise, resolve, reject } = Promise.withResolvers<Extract<LinkState, { kind: 'connected' }>>()
      const waiter = { resolve, reject }
      waiters.add(waiter)
      const given = AbortSignal.any([signal, AbortSignal.timeout(limits.linkReadyMsMax)])
      const giveUp = (): void =>
        reject(signal.aborted ? new Failure('client.cancelled', 'It was cancelled.') : stillStarting())
      given.addEventListener('abort', giveUp, { once: true })
      pause.abort()
      return promise.finally(() => {
        waiters.delete(waiter)
        given.removeEventListener('abort', giveUp)
      })
    },
    redial(afterMs) {
      clearTimeout(redialTimer)
      redialTimer = setTimeout(() => {
        if (state.kind !== 'connected') return
        if (state.level === 1) state.connection.close(closeCodes.done)
        pause.abort()
      }, afterMs)
    },
    async stop() {
      clearTimeout(redialTimer)
      if (state.kind === 'connected' && state.level === 1) {
        state.connection.send({ type: 'goodbye', payload: { reason: 'codegend is leaving' } })
        state.connection.close(closeCodes.done)
      }
      stopping.abort(new Failure('client.closed', 'codegend is leaving.'))
      for (const { reject } of waiters) reject(new Failure('client.closed', 'codegend is leaving.'))
      await Promise.race([loop, delay(limits.linkStopMsMax, undefined, { ref: false })])
    },
  }
}

/** A server of level 0 is looked at again this often: it may have been replaced by one of level 1. */
const seedCheckMs = 600_000

function stillStarting(): Failure {
  return new Failure(
    'server.unreachable',
    'Maestro is not reachable yet; try again in a moment, or see "codegen status".',
  )
}
