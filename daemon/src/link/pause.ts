import { setTimeout as delay } from 'node:timers/promises'

/** A wait that others may cut short. One at a time. */
export type Pause = { sleep(milliseconds: number): Promise<void>; wake(): void }

/** `stopping` ends a sleep for good. */
export function createPause(stopping: AbortSignal): Pause {
  let waking = new AbortController()
  return {
    async sleep(milliseconds) {
      waking = new AbortController()
      const signal = AbortSignal.any([waking.signal, stopping])
      // Being woken is the other way for a sleep to end.
      await delay(milliseconds, undefined, { signal }).catch(() => undefined)
    },
    wake: () => waking.abort(),
  }
}
