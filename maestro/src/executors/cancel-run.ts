import { Failure } from '@codegen/protocol/failure'
import type { CancelRun } from '@codegen/protocol/wire'
import { toFrameText } from './frames.ts'
import type { ConnectionPorts } from './ports.ts'

/**
 * Takes a `cancel_run`: written to the run's inbox before it is acknowledged, so that whoever owns the run finds it. Fails with run.unknown. A run
 * that has ended is acknowledged: there is nothing left to cancel.
 */
export async function cancelRun(ports: ConnectionPorts, executorId: string, cancel: CancelRun): Promise<void> {
  const key = { teamId: ports.principal.teamId, generationId: cancel.generation_id }
  const command = {
    ...key,
    clientRef: cancel.client_ref,
    type: 'cancel_run',
    reason: cancel.reason ?? 'cancelled by its user',
    by: 'executor',
  } as const
  if ((await ports.store.command(command, executorId)) === 'unknown') throw unknownRun(cancel.generation_id)
  ports.channel.send(toFrameText({ type: 'stored', payload: { ref: `cancel_run:${cancel.client_ref}` } }))
  ports.presence.wake(key)
}

export function unknownRun(generationId: string): Failure {
  return new Failure('run.unknown', `There is no run ${generationId} of this executor.`)
}
