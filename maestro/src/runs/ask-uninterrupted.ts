import type { Drive } from './drive.ts'
import type { ModelAnswer, ModelFault, ModelRequest } from './ports.ts'
import { takeLetters } from './take-letters.ts'

/** Sends a request and takes what arrives for the run meanwhile; what is to end the run, or takes it elsewhere, aborts the request. */
export async function askUninterrupted(
  drive: Drive,
  request: ModelRequest,
  enough?: AbortSignal,
): Promise<ModelAnswer | ModelFault | 'interrupted'> {
  const watch = drive.stopwatch.ask(drive.run.turns + 1)
  const abort = new AbortController()
  const signal = enough ? AbortSignal.any([abort.signal, enough]) : abort.signal
  const asking = drive.ports.model.ask(
    {
      ...request,
      onText: (delta) => {
        watch.shown()
        request.onText(delta)
      },
      onReasoning: (delta) => {
        watch.shown()
        request.onReasoning(delta)
      },
      onRestart: (reason) => {
        watch.restarted()
        request.onRestart(reason)
      },
    },
    signal,
  )
  for (;;) {
    const first = await Promise.race([asking, drive.mailbox.arrival()])
    if (first) {
      watch.ended(first)
      return first
    }
    takeLetters(drive)
    if (drive.isReleased || drive.ending) {
      abort.abort()
      await asking
      watch.ended('interrupted')
      return 'interrupted'
    }
  }
}
