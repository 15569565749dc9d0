import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { Environment } from '#config'
import type { Log } from '#log'
import { limits } from '#limits'
import { startMaestroProcess } from './maestro-process.ts'
import type { MaestroProcess } from './maestro-process.ts'
import { loadPrivateToken } from './private-token.ts'
import { createReadiness } from './readiness.ts'

/** A Maestro that belongs to this daemon: on a Unix socket, no port, and it leaves when this process does, however that ends. */
export type PrivateMaestro = {
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
  /** Its entry; the installed one when left out. */
  readonly program?: string
}

/** Its address, `ws+unix:`; known before it is started. */
export function privateMaestroUrl(home: string): string {
  return `ws+unix:${socketPathIn(home)}:/v1/executor`
}

function socketPathIn(home: string): string {
  return join(home, 'run', 'maestro.sock')
}

/** Starts it and keeps it running until `stop`, with pauses that double. */
export function startPrivateMaestro(options: PrivateMaestroOptions): PrivateMaestro {
  const { home, environment, log, program = installedProgram() } = options
  const socketPath = socketPathIn(home)
  const stateFolder = join(home, 'maestro')
  const token = loadPrivateToken(stateFolder)
  const stopping = new AbortController()
  const readiness = createReadiness()
  let running: MaestroProcess | undefined
  let pause = new AbortController()

  async function runOnce(): Promise<void> {
    readiness.become({ kind: 'starting' })
    running = startMaestroProcess({
      program,
      args: ['--private', '--socket', socketPath, '--state', stateFolder],
      environment: { ...environment, MAESTRO_TOKENS: token },
      log,
      onReady: () => readiness.become({ kind: 'ready' }),
    })
    const failure = await running.ended
    running = undefined
    if (!stopping.signal.aborted) log.warn('the private Maestro ended', { reason: failure.message })
    readiness.become({ kind: 'failed', failure })
  }

  async function keepRunning(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; failures += 1) {
      const startedAt = performance.now()
      await runOnce()
      if (performance.now() - startedAt > limits.maestroSteadyMs) failures = 0
      pause = new AbortController()
      const signal = AbortSignal.any([pause.signal, stopping.signal])
      await delay(pauseMs(failures), undefined, { signal }).catch(() => undefined)
    }
  }
  const ended = keepRunning()

  return {
    token,
    ready(signal) {
      pause.abort()
      return readiness.untilReady(signal)
    },
    async stop() {
      stopping.abort()
      await running?.stop()
      await ended
    },
  }
}

function pauseMs(failures: number): number {
  return Math.min(protocolLimits.reconnectMsMin * 2 ** Math.min(failures, 20), protocolLimits.reconnectMsMax)
}

function installedProgram(): string {
  return fileURLToPath(new URL('../bin/maestro.js', import.meta.resolve('@codegen/maestro')))
}
