import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { RunInput } from '@codegen/protocol/wire'
import { unknownRun } from './cancel-run.ts'
import { toFrameText } from './frames.ts'
import type { CommandOutcome, ConnectionPorts } from './ports.ts'

/**
 * Takes a `run_input`: written to the run's inbox before it is acknowledged, so that whoever owns the run finds it. Fails with run.unknown, run.finished
 * or run.busy.
 */
export async function runInput(ports: ConnectionPorts, executorId: string, input: RunInput): Promise<void> {
  const key = { teamId: ports.principal.teamId, generationId: input.generation_id }
  const { client_ref: clientRef, content, mode } = input
  const command = { ...key, clientRef, type: 'run_input', content, mode, by: 'executor' } as const
  const outcome = await ports.store.command(command, executorId)
  if (outcome === 'unknown') throw unknownRun(input.generation_id)
  refuseInput(outcome, input.generation_id)
  ports.channel.send(toFrameText({ type: 'stored', payload: { ref: `run_input:${clientRef}` } }))
  ports.presence.wake(key)
}

/** Fails with run.finished or run.busy unless the input is on record. */
export function refuseInput(outcome: CommandOutcome, generationId: string): void {
  if (outcome === 'finished') throw new Failure('run.finished', `The run ${generationId} has ended already.`)
  if (outcome !== 'crowded') return
  const most = protocolLimits.inputsWaitingMax
  throw new Failure('run.busy', `The run ${generationId} has ${most} inputs waiting; send more when it has taken some.`)
}
