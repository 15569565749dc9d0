import { isAbsolute } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { DaemonMethods } from '@codegen/protocol/local'
import type { StartRun } from '@codegen/protocol/wire'
import { realFolder } from '#calls/real-folder'
import { readProjectSpec } from './project-spec.ts'

export type StartParameters = DaemonMethods['run/start']['parameters']
export type StartedRun = { readonly generationId: string; readonly sessionId: string; readonly duplicate: boolean }

/** The message that asks for a run, with the root its calls may work in. Fails with request.invalid where there is no such folder. */
export async function toStartRun(parameters: StartParameters): Promise<StartRun> {
  const { cwd } = parameters
  const root = isAbsolute(cwd) ? await realFolder(cwd) : undefined
  if (root === undefined) throw new Failure('request.invalid', `There is no folder ${cwd} to work in.`)
  return { ...parameters, cwd: root, project_spec: await readProjectSpec(root) }
}

/** Runs that were asked for and have no id yet. */
export type PendingStarts = {
  /**
   * Resolves when the run has its id; `begun` is told at that very moment, before any event of the run. Fails with what was said against it, with
   * client.cancelled, or with server.unreachable after a while.
   */
  wait(clientRef: string, begun: (run: StartedRun) => void, signal: AbortSignal): Promise<StartedRun>
  started(clientRef: string, run: StartedRun): void
  refused(clientRef: string, failure: Failure): void
  has(clientRef: string): boolean
  /** Nobody waits for it any more: true once for each, so that a run that comes late can be ended. */
  takeAbandoned(clientRef: string): boolean
  /** From here on a client that is gone is gone because codegend leaves: it asks the next one for the same run, so nothing is abandoned. */
  leave(): void
}

type Waiter = { resolve(run: StartedRun): void; reject(failure: unknown): void }

const abandonedMax = 1_000

export function createPendingStarts(): PendingStarts {
  const waiters = new Map<string, Set<Waiter>>()
  const abandoned = new Set<string>()
  let isLeaving = false

  function take(clientRef: string): Iterable<Waiter> {
    const found = waiters.get(clientRef) ?? []
    waiters.delete(clientRef)
    return found
  }

  return {
    wait(clientRef, begun, signal) {
      const given = AbortSignal.any([signal, AbortSignal.timeout(limits.localRequestMs)])
      const { promise, resolve, reject } = Promise.withResolvers<StartedRun>()
      const waiter: Waiter = {
        resolve(run) {
          begun(run)
          resolve(run)
        },
        reject,
      }
      abandoned.delete(clientRef)
      waiters.set(clientRef, (waiters.get(clientRef) ?? new Set()).add(waiter))
      const giveUp = (): void => {
        reject(signal.aborted ? new Failure('client.cancelled', 'The start was cancelled.') : unanswered())
        const others = waiters.get(clientRef)
        if (!others?.delete(waiter) || others.size > 0) return
        waiters.delete(clientRef)
        if (!isLeaving && abandoned.size < abandonedMax) abandoned.add(clientRef)
      }
      given.addEventListener('abort', giveUp, { once: true })
      return promise.finally(() => given.removeEventListener('abort', giveUp))
    },
    started(clientRef, run) {
      for (const waiter of take(clientRef)) waiter.resolve(run)
    },
    refused(clientRef, failure) {
      abandoned.delete(clientRef)
      for (const waiter of take(clientRef)) waiter.reject(failure)
    },
    has: (clientRef) => waiters.has(clientRef),
    takeAbandoned: (clientRef) => abandoned.delete(clientRef),
    leave() {
      isLeaving = true
    },
  }
}

function unanswered(): Failure {
  return new Failure('server.unreachable', 'Maestro did not answer the start of the run in time.')
}
