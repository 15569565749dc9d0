import type { RunEvent, RunFinished } from '@codegen/protocol/wire'

/** How a run is shown. */
export type RunView = {
  event(event: RunEvent): void
  /** The run is over: nothing follows. */
  finished(outcome: RunFinished): void
}
