import type { Failure } from '@codegen/protocol/failure'
import type { RunEvent, RunFinished } from '@codegen/protocol/wire'

/** How a run is shown. */
export type RunView = {
  event(event: RunEvent): void
  /** The run is over: nothing follows. */
  finished(outcome: RunFinished): void
  /** Nothing of the run is shown here any more, whether it is over or not. */
  close?(): void
  /** There is no run: this is why. */
  refused?(failure: Failure): void
}
