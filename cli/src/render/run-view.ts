import type { Failure } from '@codegen/protocol/failure'
import type { RunEvent, RunFinished } from '@codegen/protocol/wire'

/** How a run is shown. */
export type RunView = {
  event(event: RunEvent): void
  /** The run is over: nothing follows. */
  finished(outcome: RunFinished): void
  /** There is no run: this is why. */
  refused?(failure: Failure): void
}
