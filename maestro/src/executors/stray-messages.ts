import { Failure } from '@codegen/protocol/failure'
import { toToolStatus } from '@codegen/protocol/wire'
import type { ToolResult } from '@codegen/protocol/wire'
import type { Delivery } from './deliver-to.ts'
import { toFrameText } from './frames.ts'
import type { ConnectionPorts } from './ports.ts'

/**
 * A message for a run that is not driven here. For an ended run of this executor it is a late one, or a repeat: acknowledged, so that it is not sent for
 * ever. For an open one, which is on its way to another owner, it counts as not arrived: it comes again there. For any other run it is refused, and that
 * run never hears of it.
 */
export async function refuseStray(
  ports: ConnectionPorts,
  { frame, executorId }: { frame: Delivery; executorId: string },
  tell: (failure: Failure, ref: string) => void,
): Promise<void> {
  const { generation_id, tool_id } = frame.payload
  const ref = `${frame.type}:${tool_id}`
  const key = { teamId: ports.principal.teamId, generationId: generation_id }
  const standing = await ports.store.standingOf(key, executorId)
  if (standing === 'open') return
  if (standing === undefined)
    return tell(new Failure('server.forbidden', `The run ${generation_id} is not one of this executor.`), ref)
  if (frame.type === 'tool_result') noteLate(ports, frame.payload)
  ports.channel.send(toFrameText({ type: 'stored', payload: { ref } }))
}

/** What comes for a call that has ended is told to whoever looks after this server, and nobody else: a late result, or a repeat of one on record. */
export function noteLate({ brain, warn }: Pick<ConnectionPorts, 'brain' | 'warn'>, result: ToolResult): void {
  const { tool_id, generation_id, status: word } = result
  const status = toToolStatus(word)
  brain.observer.resultLate(status)
  warn(`A late result (${status}) of the call ${tool_id} of the run ${generation_id} was not used.`, undefined)
}
