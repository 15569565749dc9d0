import { exitCodes } from '#exit-code'
import { stopDaemon as stop } from '#stop-daemon'
import type { Command } from './command.ts'

/** `codegen daemon stop`. */
export const stopDaemon: Command = {
  name: 'daemon stop',
  group: 'This machine',
  summary: 'end codegend, its open calls and its own Maestro',
  operands: [],
  options: [],
  details: [
    'Runs that are open go on when codegend is back; a command that was running is told to the model as interrupted.',
    'Waits until codegend is gone. That none was running is no mistake.',
  ],
  async run({ terminal }) {
    const stopped = await stop()
    terminal.print(
      stopped ? `stopped codegend (pid ${stopped.pid})${callsEnded(stopped)}\n` : 'codegend is not running\n',
    )
    return exitCodes.done
  },
}

/** What to say of calls that were open. */
export function callsEnded({ callsEnded: count }: { callsEnded: number }): string {
  if (count === 0) return ''
  return count === 1 ? '; one open call was interrupted' : `; ${count} open calls were interrupted`
}
