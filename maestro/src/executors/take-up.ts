import { toFailure } from '@codegen/protocol/failure'
import type { StartRun } from '@codegen/protocol/wire'
import { endQueuedRun } from './end-queued-run.ts'
import type { OwnedRuns } from './owned-runs.ts'
import type { ConnectionPorts, Greeted, QueuedStart } from './ports.ts'
import { startRun } from './start-run.ts'

/**
 * Begins a run that was asked for elsewhere, on the connection of its executor; a fork goes on where its log ends. One that cannot be begun ends as refused; one that somebody else has by
 * now, or that could be begun later, is left.
 */
export async function takeUp(
  ports: ConnectionPorts,
  queued: QueuedStart,
  at: { greeted: Greeted; runs: OwnedRuns },
): Promise<void> {
  try {
    if (queued.length > 0) await goOn(ports, queued, at)
    else await startRun(ports, { ...at, start: toStart(queued), queued })
    await ports.brain.log.markTaken(queued, [queued.clientRef])
  } catch (thrown) {
    const { code, message, retryable } = toFailure(thrown)
    if (retryable) return
    if (code === 'internal') ports.warn(`The run ${queued.generationId} could not be begun.`, thrown)
    const ending = { status: 'refused', error: { code, message } } as const
    await endQueuedRun({ store: ports.store, bus: ports.brain.bus }, queued, { ending, by: 'maestro' })
  }
}

async function goOn(
  ports: ConnectionPorts,
  queued: QueuedStart,
  { greeted, runs }: { greeted: Greeted; runs: OwnedRuns },
): Promise<void> {
  const claimed = await ports.store.claimQueued(queued, greeted)
  if (claimed) runs.takeOver([claimed])
}

function toStart(queued: QueuedStart): StartRun {
  const { clientRef: client_ref, prompt, cwd, mode, model, limits, isContinued, sessionId } = queued
  return {
    client_ref,
    prompt,
    cwd,
    mode,
    model,
    ...(limits ? { limits } : {}),
    ...(isContinued ? { session_id: sessionId } : {}),
  }
}
