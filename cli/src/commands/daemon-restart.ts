import { connectToDaemon, untilDaemonAnswers } from '#connect'
import { askDaemonProgram } from '#daemon-program'
import { exitCodes } from '#exit-code'
import type { Terminal } from '#render/terminal'
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
    'This is how codegend takes new settings of the model, or a new version. Where the login service is',
    'installed, it starts codegend, with the settings that service knows. Runs that are open go on; a',
    'command that was running is told to the model as interrupted.',
  ],
  async run({ terminal }) {
    const stopped = await stopDaemon()
    const by = (await startByService(terminal)) ? ' by the login service' : ''
    const client = await connectToDaemon({ onStart: () => undefined })
    const { pid } = await client.status()
    client.close()
    terminal.print(
      stopped
        ? `restarted codegend${by} (pid ${stopped.pid}, now ${pid})${callsEnded(stopped)}\n`
        : `started codegend${by} (pid ${pid}); none was running\n`,
    )
    return exitCodes.done
  },
}

const notInstalledCode = 3

/** Where it is installed, the login service is who looks after codegend. */
async function startByService(terminal: Terminal): Promise<boolean> {
  const { code, stderr } = await askDaemonProgram(['service', 'start'])
  if (code === notInstalledCode) return false
  if (code === 0 && (await untilDaemonAnswers())) return true
  terminal.note(
    `the login service did not start codegend (${stderr.trim() || 'see codegen service status'}); starting it here`,
  )
  return false
}
