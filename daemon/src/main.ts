import { inspect } from 'node:util'
import { toFailure } from '@codegen/protocol/failure'
import { readVersion } from './version.ts'

const help = `codegend runs the tools of CodeGen on this machine. It dials Maestro and listens on a Unix socket for codegen.

  codegend             run in the foreground, until SIGTERM or Ctrl-C
  codegend --help      this
  codegend --version   its version

  CODEGEN_HOME         state, journal, log and config.json; default ~/.codegen
  CODEGEN_SOCKET       the Unix socket clients use
  CODEGEN_MAESTRO_URL  ws(s)://host:port/v1/executor; without it codegend starts a Maestro of its own
  CODEGEN_TOKEN        its bearer token

Its own Maestro takes OPENAI_API_KEY, OPENAI_BASE_URL, CODEGEN_MODEL and DATABASE_URL from the environment codegend was started
with, not from that of codegen: start codegend again after a change, or put "model" into config.json.
`

/** The program `codegend`. Resolves with its exit code: 0 after a clean stop, 1 when it could not start, 2 for a wrong argument or config. */
export async function main(args: readonly string[]): Promise<number> {
  const [first] = args
  if (first === '--help' || first === '-h') return print(help)
  if (first === '--version') return print(`${readVersion()}\n`)
  if (first !== undefined) return complain(`codegend takes no "${first}"; see codegend --help.`, 2)
  try {
    const { startDaemon } = await import('./start-daemon.ts')
    const daemon = await startDaemon(process.env)
    stopOnSignals((reason) => daemon.stop(reason))
    process.on('uncaughtExceptionMonitor', daemon.crashed)
    await daemon.stopped
    return 0
  } catch (error) {
    const failure = toFailure(error)
    if (failure.code === 'internal') process.stderr.write(`${inspect(error)}\n`)
    return complain(failure.message, failure.code === 'config.invalid' ? 2 : 1)
  }
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function complain(sentence: string, code: number): number {
  process.stderr.write(`${sentence}\n`)
  return code
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
