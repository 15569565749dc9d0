import type { RunEvent } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { RunViewer } from './viewers.ts'

/**
 * Holds a viewer's news back until the answer to its request has left, so that nobody hears of a run before hearing its id. `open` lets it go after
 * this turn of the event loop.
 */
export function holdUntilOpen(viewer: RunViewer): { viewer: RunViewer; open(): void } {
  let held: (() => void)[] | undefined = []
  const pass = (tell: () => void): void => {
    if (!held) return tell()
    if (held.length < limits.viewerHeldEventsMax) held.push(tell)
  }
  return {
    viewer: {
      event: (event: RunEvent) => pass(() => viewer.event(event)),
      finished: (outcome) => pass(() => viewer.finished(outcome)),
    },
    open: () =>
      void setImmediate(() => {
        const waiting = held ?? []
        held = undefined
        for (const tell of waiting) tell()
      }),
  }
}
