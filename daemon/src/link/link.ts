import { setTimeout as delay } from 'node:timers/promises'
import { Failure, toFailure } from '@codegen/protocol/failure'
import { closeCodes } from '@codegen/protocol/wire'
import type { Handshake, MaestroFrame } from '@codegen/protocol/wire'
import { reach } from '#crash-points'
import type { Log } from '#log'
import { limits } from '#limits'
import { serveConnection } from './connection.ts'
import type { Connection } from './connection.ts'
import { dialPatienceMs } from './back-off.ts'
import { dialSoon } from './dial-soon.ts'
import type { Identity } from './identity.ts'
import { createLinkStates } from './link-state.ts'
import type { ConnectedState, LinkState, LinkStates } from './link-state.ts'
import { nextDial } from './next-dial.ts'
import type { DialEnd } from './next-dial.ts'
import { createPause } from './pause.ts'
import type { Pause } from './pause.ts'
import type { Access } from './send.ts'

/** The one link to Maestro, kept for as long as this process lives. */
export type Link = {
  start(): void
  state(): LinkState
  /** Resolves when there is a link; where it was waiting to dial, it dials at once. Fails as `untilConnected` does. */
  ready(signal: AbortSignal): Promise<ConnectedState>
  /** Lets go of the connection there is after so many milliseconds and dials again. */
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

type Parts = LinkOptions & { readonly states: LinkStates; readonly pause: Pause; readonly stopping: AbortSignal }

export function createLink(options: LinkOptions): Link {
  const controller = new AbortController()
  const states = createLinkStates()
  const pause = createPause(controller.signal)
  const parts = { ...options, states, pause, stopping: controller.signal }
  let redialTimer: NodeJS.Timeout | undefined
  let loop: Promise<void> | undefined

  const letGo = (state = states.now()): void => {
    if (state.kind === 'connected' && state.level === 1) state.connection.close(closeCodes.done)
  }
  return {
    start() {
      loop ??= keepConnected(parts)
    },
    state: states.now,
    ready(signal) {
      const connecting = states.untilConnected(signal)
      // Somebody wants it now, and may have mended what was wrong.
      pause.wake()
      return connecting
    },
    redial(afterMs) {
      const meant = states.now()
      clearTimeout(redialTimer)
      redialTimer = setTimeout(() => {
        // The link may have been lost and made anew by then.
        if (states.now() !== meant) return
        letGo()
        pause.wake()
      }, afterMs)
    },
    async stop() {
      clearTimeout(redialTimer)
      const state = states.now()
      if (state.kind === 'connected' && state.level === 1) {
        state.connection.send({ type: 'goodbye', payload: { reason: 'codegend is leaving' } })
      }
      letGo()
      controller.abort(new Failure('client.closed', 'codegend is leaving.'))
      await Promise.race([loop, delay(limits.linkStopMsMax, undefined, { ref: false })])
    },
  }
}

async function keepConnected(parts: Parts): Promise<void> {
  const { states, pause, stopping, log } = parts
  for (let failures = 0; !stopping.aborted;) {
    states.become({ kind: 'connecting' })
    const dialledAt = performance.now()
    const end = await connectOnce(parts, dialPatienceMs(failures)).catch((error: unknown): Ended => ({
      failure: toFailure(error),
    }))
    if (stopping.aborted) break
    const next = nextDial(end, { failures, livedMs: performance.now() - dialledAt, random: Math.random() })
    failures = next.failures
    const { code, message } = end.failure
    if (code === 'internal') log.error('the link broke', end.failure.cause)
    log.warn('no link to Maestro', { code, reason: message, nextDialMs: next.waitMs })
    if (next.waitMs === 0) continue
    states.become({ kind: 'waiting', failure: end.failure })
    await pause.sleep(next.waitMs)
  }
  states.become({ kind: 'stopped' })
}

type Ended = DialEnd

/** Resolves when the link is over. Fails where it could not be made. */
async function connectOnce(parts: Parts, patienceMs: number): Promise<Ended> {
  const { identity, states, stopping, log } = parts
  const access = await parts.access(stopping)
  const { shown } = access.target
  const { socket, level } = await dialSoon({ ...access, patienceMs }, stopping)
  if (level === 0) {
    socket.close(closeCodes.done)
    log.info('the server speaks only the first protocol', { server: shown })
    return serveSeed(access, parts)
  }
  const end = await serveConnection(
    socket,
    { handshake: parts.handshake(identity.epochOf(shown)), patienceMs },
    {
      welcomed(connection) {
        const { epoch } = connection.welcome
        reach('welcome-received')
        identity.saveEpoch(shown, epoch)
        reach('welcomed')
        log.info('connected', { server: shown, epoch })
        parts.connected(connection)
        states.become({ kind: 'connected', level, epoch, connection })
      },
      frame: parts.frame,
      broke: (error) => log.error('a message of Maestro could not be handled', error),
    },
  )
  parts.disconnected()
  if (end.epoch !== undefined) identity.saveEpoch(shown, end.epoch)
  return end
}

/** There is nothing to keep open: each run dials for itself. Now and then it is looked whether the server has become one of level 1. */
async function serveSeed(access: Access, { states, pause }: Parts): Promise<Ended> {
  states.become({ kind: 'connected', level: 0, access })
  await pause.sleep(limits.seedCheckMs)
  return { failure: new Failure('server.unreachable', 'The server is looked at again.') }
}
