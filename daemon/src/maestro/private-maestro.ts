import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { Environment } from '#config'
import type { Log } from '#log'
import { limits } from '#limits'
import { startMaestroProcess } from './maestro-process.ts'
import type { MaestroProcess } from './maestro-process.ts'

/** A Maestro that belongs to this daemon: on a Unix socket, no port, and it leaves when this process does, however that ends. */
export type PrivateMaestro = {
  /** `ws+unix:` address; known before it is ready. */
  readonly url: string
  readonly token: string
  /** Resolves when it can be dialled; starts it again at once where it has ended. Fails with server.unreachable and its own last sentence. */
  ready(signal: AbortSignal): Promise<void>
  /** Asks it to leave and waits; after a while it is killed. */
  stop(): Promise<void>
}

export type PrivateMaestroOptions = {
  /** CODEGEN_HOME: its socket goes to `run/`, its state to `maestro/`. */
  readonly home: string
  readonly environment: Environment
  readonly log: Log
}

type State =
  | { readonly kind: 'starting' }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly failure: Failure }

type Waiter = { resolve(): void; reject(failure: Failure): void }

/** Starts it and keeps it running until `stop`, with pauses that double. */
export function startPrivateMaestro({ home, environment, log }: PrivateMaestroOptions): PrivateMaestro {
  const socketPath = join(home, 'run', 'maestro.sock')
  const token = randomBytes(32).toString('hex')
  const stopping = new AbortController()
  const waiters = new Set<Waiter>()
  let state: State = { kind: 'starting' }
  let running: MaestroProcess | undefined
  let pause = new AbortController()

  function become(next: State): void {
    state = next
    if (next.kind === 'starting') return
    for (const waiter of [...waiters]) {
      waiters.delete(waiter)
      if (next.kind === 'ready') waiter.resolve()
      else waiter.reject(next.failure)
    }
  }

  async function runOnce(): Promise<void> {
    running = startMaestroProcess({
      args: ['--private', '--socket', socketPath, '--state', join(home, 'maestro')],
      environment: { ...environment, MAESTRO_TOKENS: token },
      log,
      onReady: () => become({ kind: 'ready' }),
    })
    const failure = await running.ended
    running = undefined
    if (!stopping.signal.aborted) log.warn('the private Maestro ended', { reason: failure.message })
    become({ kind: 'failed', failure })
  }

  async function keepRunning(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      become({ kind: 'starting' })
      const startedAt = performance.now()
      await runOnce()
      if (performance.now() - startedAt > limits.maestroSteadyMs) failures = 0
      pause = new AbortController()
      const waitMs = Math.min(
        protocolLimits.reconnectMsMin * 2 ** Math.min(failures, 20),
        protocolLimits.reconnectMsMax,
      )
      await delay(waitMs, undefined, { signal: AbortSignal.any([pause.signal, stopping.signal]) }).catch(() => {})
    }
  }
  const ended = keepRunning()

  return {
    url: `ws+unix:${socketPath}:/v1/executor`,
    token,
    ready(signal) {
      if (state.kind === 'ready') return Promise.resolve()
      const { promise, resolve, reject } = Promise.withResolvers<void>()
      const waiter = { resolve, reject }
      waiters.add(waiter)
      const giveUp = (): void => reject(new Failure('client.cancelled', 'It was cancelled.'))
      signal.addEventListener('abort', giveUp, { once: true })
      pause.abort()
      return promise.finally(() => {
        waiters.delete(waiter)
        signal.removeEventListener('abort', giveUp)
      })
    },
    async stop() {
      stopping.abort()
      await running?.stop()
      await ended
    },
  }
}
