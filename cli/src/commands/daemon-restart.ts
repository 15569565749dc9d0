import type { Client } from '#client'
import { connectToDaemon, socketPath, untilDaemonAnswers } from '#connect'
import { askDaemonProgram } from '#daemon-program'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import type { Terminal } from '#render/terminal'
import { findDaemon, replaceDaemon } from '#start-daemon'
import { stopDaemon } from '#stop-daemon'
import type { Command, Option } from './command.ts'
import { callsEnded } from './daemon-stop.ts'

const now: Option = { name: 'now', summary: 'end the calls that run, instead of letting them finish' }

/** `codegen daemon restart`. */
export const restartDaemon: Command = {
  name: 'daemon restart',
  group: 'This machine',
  summary: 'start codegend anew, with the settings of this terminal; no work is lost',
  operands: [],
  options: [now],
  details: [
    'This is how codegend takes new settings of the model, or a new version. The new codegend takes over at',
    'once; the old one finishes the calls it runs and leaves, and their results go to their runs. Runs that',
    'are open go on, and so do the terminals that watch them. Where the new one cannot start, the old one',
    'stays. Where the login service is installed, it starts codegend, with the settings that service knows.',
    'With --now a command that was running is ended, and told to the model as interrupted.',
  ],
  async run({ has, terminal }) {
    const found = await findDaemon(socketPath())
    found?.client.close()
    if (!found || has(now)) return restartNow(terminal)
    const earlierPid = found.status?.pid
    const byService = await startByService('restart', { terminal, earlierPid })
    const client = byService ?? (await replaceDaemon(socketPath()))
    const { pid, calls_held = 0 } = await client.status()
    client.close()
    const pids = earlierPid === undefined ? `now pid ${pid}` : `pid ${earlierPid}, now ${pid}`
    terminal.print(`restarted codegend${by(byService)} (${pids})${callsGoingOn(calls_held)}\n`)
    return exitCodes.done
  },
}

async function restartNow(terminal: Terminal): Promise<ExitCode> {
  const stopped = await stopDaemon()
  const byService = await startByService('start', { terminal })
  const client = byService ?? (await connectToDaemon({ onStart: () => undefined }))
  const { pid } = await client.status()
  client.close()
  terminal.print(
    stopped
      ? `restarted codegend${by(byService)} (pid ${stopped.pid}, now ${pid})${callsEnded(stopped)}\n`
      : `started codegend${by(byService)} (pid ${pid}); none was running\n`,
  )
  return exitCodes.done
}

function by(service: Client | undefined): string {
  return service ? ' by the login service' : ''
}

function callsGoingOn(count: number): string {
  if (count === 0) return ''
  return count === 1 ? '; one call goes on in the old one' : `; ${count} calls go on in the old one`
}

const notInstalledCode = 3

/** Where it is installed, the login service is who looks after codegend. */
async function startByService(
  verb: 'start' | 'restart',
  { terminal, earlierPid }: { terminal: Terminal; earlierPid?: number | undefined },
): Promise<Client | undefined> {
  const { code, stderr } = await askDaemonProgram(['service', verb])
  if (code === notInstalledCode) return undefined
  const client = code === 0 ? await untilDaemonAnswers(earlierPid) : undefined
  if (client) return client
  const why = stderr.trim() || 'see codegen service status'
  terminal.note(`the login service did not start codegend (${why}); starting it here`)
  return undefined
}
