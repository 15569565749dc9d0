import { exitCodes } from './exit-code.ts'
import { limits } from './limits.ts'
import type { Following } from './follow-run.ts'
import type { Terminal } from '#render/terminal'

/** Whether a person asked for the end. */
export type Interrupts = { readonly interrupted: boolean; interrupt(): void }

/**
 * Ctrl-C and SIGTERM ask for the run's end, a second one leaves at once. SIGHUP, the terminal going away, leaves at once too, and the run goes on.
 * A run that does not end when asked is left after limits.cancelMsMax.
 */
export function handleInterrupts(following: Following, terminal: Terminal): Interrupts {
  let interrupted = false

  function interrupt(): void {
    if (interrupted) leave()
    interrupted = true
    terminal.note('cancelling the run; once more leaves at once')
    setTimeout(leaveRun, limits.cancelMsMax).unref()
    following.cancel('interrupted at the terminal').catch((failure: Error) => {
      terminal.note(`the run cannot be cancelled: ${failure.message}`)
    })
  }

  function leaveRun(): never {
    terminal.note('the run takes its time to end; leaving it')
    return leave()
  }

  process.on('SIGINT', interrupt)
  process.on('SIGTERM', interrupt)
  process.on('SIGHUP', leave)
  return {
    interrupt,
    get interrupted() {
      return interrupted
    },
  }
}

function leave(): never {
  process.exit(exitCodes.interrupted)
}
