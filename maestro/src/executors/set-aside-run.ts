import type { Failure } from '@codegen/protocol/failure'
import { toFrameText } from './frames.ts'
import type { ConnectionPorts } from './ports.ts'

/** What cannot be read is never guessed: the run waits for a release that can, its executor is told, and the executor's other runs go on. */
export async function setAsideRun(
  { store, warn, channel, principal }: ConnectionPorts,
  of: { readonly generationId: string; readonly epoch: number; readonly failure: Failure },
): Promise<void> {
  const { generationId, epoch, failure } = of
  const key = { teamId: principal.teamId, generationId }
  const hasEnded = await store.setAside(key, epoch, failure.message)
  const message = `The run ${generationId} ${hasEnded ? 'was ended unread' : 'is set aside'}: ${failure.message}`
  warn(message, failure.cause)
  const told = { code: failure.code, message: message.slice(0, 2_000), ref: `run:${generationId}` }
  channel.send(toFrameText({ type: 'error', payload: { ...told, fatal: false, retryable: false } }))
}
