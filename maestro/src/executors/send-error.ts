import type { Failure } from '@codegen/protocol/failure'
import { toFrameText } from './frames.ts'
import type { Channel } from './ports.ts'

/** Tells an executor what was not taken. `epoch` comes with a connection that was superseded, and is fatal. */
export function sendError(
  channel: Channel,
  failure: Failure,
  more: { ref?: string; epoch?: number; fatal?: boolean },
): void {
  const { ref, epoch, fatal = false } = more
  channel.send(
    toFrameText({
      type: 'error',
      payload: {
        code: failure.code,
        message: failure.message.slice(0, 2_000),
        fatal,
        retryable: failure.retryable,
        ...(ref === undefined ? {} : { ref }),
        ...(epoch === undefined ? {} : { epoch }),
      },
    }),
  )
}
