import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import type { LocalDaemon } from '#local/ports'
import type { LocalServer } from '#local/server'
import type { Traces } from '#opentelemetry/traces'
import type { Parts } from './compose.ts'
import { limits } from './limits.ts'
import type { OpenLog } from './log.ts'

/** The ways in which a codegend leaves. */
export type Leaving = {
  /** Resolves when it has stopped, for whatever reason. */
  readonly stopped: Promise<void>
  /** Takes no more clients, ends open calls and their processes, leaves Maestro and stops its own. The same as `stopped` when asked again. */
  stop(reason: string): Promise<void>
  /**
   * Takes nothing more, leaves socket and Maestro to another codegend, finishes what runs for at most `withinMs`, puts it on record for that one, and stops. Asked
   * again it stops at once.
   */
  leave(reason: string, withinMs: number): Promise<void>
  /** As `leave`, for the codegend that asks: resolves as soon as that one may begin. Fails with client.closed where this one leaves already. */
  handOver: LocalDaemon['handOver']
}

export type LeavingParts = {
  /** Undefined while they are not built. */
  parts(): Parts | undefined
  server(): LocalServer
  readonly traces: Traces | undefined
  readonly log: OpenLog
}

export function createLeaving({ parts, server, traces, log }: LeavingParts): Leaving {
  const { promise: stopped, resolve: markStopped } = Promise.withResolvers<void>()
  let state: 'running' | 'handing over' | 'stopping' = 'running'

  async function stop(reason: string): Promise<void> {
    if (state === 'stopping') return stopped
    state = 'stopping'
    log.info('stopping', { reason })
    parts()?.beginLeaving()
    await server().close()
    await parts()?.stop()
    await traces?.close()
    await log.close()
    markStopped()
    return stopped
  }

  /** Resolves when another codegend may begin, with what goes on here. */
  async function handOver(reason: string): Promise<{ count: number; left: Promise<unknown> }> {
    const open = parts()
    if (!open || state !== 'running') throw new Failure('client.closed', 'codegend is leaving.')
    state = 'handing over'
    log.info('handing over', { reason })
    open.beginLeaving()
    const { count, ended } = await open.handOver()
    const { left } = server().handOver()
    log.info('handed over', { callsOpen: count })
    return { count, left: Promise.all([ended, left]) }
  }

  return {
    stopped,
    stop,
    async leave(reason, withinMs) {
      if (state !== 'running') return stop(reason)
      const { left } = await handOver(reason)
      await Promise.race([left, delay(withinMs, undefined, { ref: false })])
      return stop(reason)
    },
    async handOver() {
      const { count, left } = await handOver('another codegend takes over')
      const late = delay(limits.heldCallMsMax, undefined, { ref: false })
      Promise.race([left, late])
        .then(() => stop('everything is handed over'))
        .catch((error: unknown) => log.error('codegend could not leave', error))
      return { pid: process.pid, calls_open: count }
    },
  }
}
