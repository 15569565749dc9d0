import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import { stopDaemon } from '#stop-daemon'
import type { Command } from './command.ts'
import { callsEnded } from './daemon-stop.ts'

/** `codegen daemon restart`. */
export const restartDaemon: Command = {
  name: 'daemon restart',
  group: 'This machine',
  summary: 'end codegend and start it again, with the settings of this terminal',
  operands: [],
  options: [],
  details: [
    'This is how codegend takes new settings of the model, or a new version. Runs that are open go on; a command that was',
    'running is told to the model as interrupted.',
  ],
  async run({ terminal }) {
    const stopped = await stopDaemon()
    const client = await connectToDaemon({ onStart: () => undefined })
    const { pid } = await client.status()
    client.close()
    terminal.print(
      stopped
        ? `restarted codegend (pid ${stopped.pid}, now ${pid})${callsEnded(stopped)}\n`
        : `started codegend (pid ${pid}); none was running\n`,
    )
    return exitCodes.done
  },
}
