import { inspect } from 'node:util'
import { toFailure } from '@codegen/protocol/failure'
import { limits } from './limits.ts'
import type { Daemon } from './start-daemon.ts'
import { readVersion } from './version.ts'

const help = `codegend runs the tools of CodeGen on this machine. It dials Maestro and listens on a Unix socket for codegen.

  codegend              run in the foreground, until SIGTERM or Ctrl-C
  codegend --take-over  the same, in the place of the codegend that runs: that one finishes its calls and leaves
  codegend --help       this
  codegend --version    its version
  codegend service      install, uninstall or status: starting codegend at login; codegen service is the same

  CODEGEN_HOME          state, journal, log and config.json; default ~/.codegen
  CODEGEN_SOCKET        the Unix socket clients use
  CODEGEN_MAESTRO_URL   ws(s)://host:port/v1/executor; without it codegend starts a Maestro of its own
  CODEGEN_TOKEN         its bearer token

Its own Maestro takes OPENAI_API_KEY, OPENAI_BASE_URL, CODEGEN_MODEL and DATABASE_URL from the environment codegend was started
with, not from that of codegen: start codegend again after a change, or put "model" into config.json.
`

/** The program `codegend`. Resolves with its exit code: 0 after a clean stop, 1 when it could not start, 2 for a wrong argument or config. */
export async function main(args: readonly string[]): Promise<number> {
  const [first] = args
  if (first === '--help' || first === '-h') return print(help)
  if (first === '--version') return print(`${readVersion()}\n`)
  if (first !== undefined && first !== takeOverOption && !questions.has(first))
    return complain(`codegend takes no "${first}"; see codegend --help.`, 2)
  try {
    if (first !== undefined && first !== takeOverOption) return await answer(first, args.slice(1))
    const { startDaemon } = await import('./start-daemon.ts')
    const daemon = await startDaemon(process.env, { takesOver: first === takeOverOption })
    stopOnSignals(process.env['CODEGEN_SERVICE'] ? finishing(daemon) : daemon.stop)
    process.on('uncaughtExceptionMonitor', daemon.crashed)
    await daemon.stopped
    return 0
  } catch (error) {
    const failure = toFailure(error)
    if (failure.code === 'internal') process.stderr.write(`${inspect(error)}\n`)
    return complain(
      [failure.message, failure.hint].filter(Boolean).join(' '),
      failure.code === 'config.invalid' ? 2 : 1,
    )
  }
}

const takeOverOption = '--take-over'

/** What is asked of this program instead of running it; `codegen` does, where no codegend runs. */
const questions = new Set(['doctor', 'logs', 'service'])

async function answer(first: string, args: readonly string[]): Promise<number> {
  if (first === 'service') {
    const { runServiceProgram } = await import('./service-program.ts')
    const { lines, code } = await runServiceProgram(args, process.env)
    print(lines.map((line) => `${line}\n`).join(''))
    return code
  }
  const { askDoctor, askLogs } = await import('./ask-program.ts')
  return print(first === 'doctor' ? await askDoctor(process.env) : await askLogs(args, process.env))
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function complain(sentence: string, code: number): number {
  process.stderr.write(`${sentence}\n`)
  return code
}

/** The login service sends SIGTERM also to start codegend anew, so what runs is finished first. */
function finishing(daemon: Daemon): (reason: string) => Promise<void> {
  return (reason) => daemon.leave(reason, limits.serviceLeaveMsMax)
}

/** The first signal stops, a second one leaves at once. */
function stopOnSignals(stop: (reason: string) => Promise<void>): void {
  let asked = false
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (asked) process.exit(1)
      asked = true
      stop(signal).catch((error: unknown) => {
        process.stderr.write(`${inspect(error)}\n`)
        process.exit(1)
      })
    })
  }
}
