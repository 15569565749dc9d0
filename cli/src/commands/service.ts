import { Failure } from '@codegen/protocol/failure'
import { socketPath } from '#connect'
import { askDaemonProgram } from '#daemon-program'
import { dial } from '#dial'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { stripControls } from '#render/strip-controls'
import type { Terminal } from '#render/terminal'
import type { Command, Option } from './command.ts'

const withEnv: Option = {
  name: 'with-env',
  value: 'NAME,...',
  summary: 'take these variables along, as they are set here',
}

/** `codegen service install`. */
export const installService: Command = {
  name: 'service install',
  group: 'This machine',
  summary: 'start codegend at login (systemd user unit, launchd, Windows task)',
  operands: [],
  options: [withEnv],
  details: [
    'Says what it wrote. What codegend takes from a terminal (OPENAI_API_KEY and the like) is not known at',
    'login: --with-env keeps the named variables in service/environment in CODEGEN_HOME, for your eyes',
    'only. A second time brings all up to date. It looks for a Node that fits at each start, so a newer one',
    'in the place of an older one is no trouble.',
  ],
  async run({ value, terminal }) {
    const names = value(withEnv)
    const running = await dial(socketPath())
    running?.socket.destroy()
    const options = [...(names === undefined ? [] : [`--with-env=${names}`]), ...(running ? [] : ['--now'])]
    const code = await askService(['install', ...options], terminal)
    if (running) terminal.print('codegend runs already; codegen daemon restart puts it under the login service\n')
    return code
  },
}

/** `codegen service uninstall`. */
export const uninstallService: Command = {
  name: 'service uninstall',
  group: 'This machine',
  summary: 'start it at login no more, and remove what was written',
  operands: [],
  options: [],
  details: ['A codegend that was started by it is ended. That it was not installed is no mistake.'],
  run: ({ terminal }) => askService(['uninstall'], terminal),
}

/** `codegen service status`. */
export const serviceStatus: Command = {
  name: 'service status',
  group: 'This machine',
  summary: 'whether codegend starts at login, and with which Node',
  operands: [],
  options: [],
  details: ['Exit code 0: it does. 1: it is not installed, or would not start; what to do is said.'],
  run: ({ terminal }) => askService(['status'], terminal),
}

async function askService(words: readonly string[], terminal: Terminal): Promise<ExitCode> {
  const { code, stdout, stderr } = await askDaemonProgram(['service', ...words])
  terminal.print(stripControls(stdout))
  const complaint = stderr.trim().split('\n').at(-1) ?? ''
  if (code === 0 || complaint === '') return code === 0 ? exitCodes.done : exitCodes.failed
  throw new Failure(complaint.startsWith('--with-env') ? 'request.invalid' : 'internal', complaint)
}
