import { toFailure } from '@codegen/protocol/failure'
import { limits } from './limits.ts'

/** Whether an answer was lost: a codegend that is restarted closes the connection before it answers, or answers that it leaves. */
export function isLost(thrown: unknown): boolean {
  return toFailure(thrown).code === 'client.closed'
}

/** Asks what means the same when it is asked twice, again where the answer was lost and `goesOn`, but not for ever. Fails as `ask` does. */
export async function askAgain<Answer>(ask: () => Promise<Answer>, goesOn: () => boolean): Promise<Answer> {
  for (let losses = 1; ; losses += 1) {
    try {
      return await ask()
    } catch (thrown) {
      if (!isLost(thrown) || !goesOn() || losses > limits.reconnectsMax) throw thrown
      await pause(limits.reconnectPauseMs)
    }
  }
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}
