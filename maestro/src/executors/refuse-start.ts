import type { Failure } from '@codegen/protocol/failure'
import { toFrameText } from './frames.ts'
import type { ConnectionPorts } from './ports.ts'

/** Tells the executor that a run it asked for will not be. */
export function refuseStart({ channel, brain }: ConnectionPorts, clientRef: string, { code, message }: Failure): void {
  channel.send(
    toFrameText({
      type: 'run_finished',
      payload: {
        generation_id: brain.mintId(),
        client_ref: clientRef,
        status: 'refused',
        error: { code, message },
      },
    }),
  )
}
