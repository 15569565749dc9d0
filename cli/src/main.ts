import { toFailure } from '@codegen/protocol/failure'
import { parseArguments } from '#arguments'
import type { Command } from '#arguments'
import { attach } from '#commands/attach'
import { cancel } from '#commands/cancel'
import { help } from '#commands/help'
import { log } from '#commands/log'
import { run } from '#commands/run'
import { runs } from '#commands/runs'
import { status } from '#commands/status'
import { tools } from '#commands/tools'
import { exitCodes, toExitCode } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { createTerminal } from '#render/terminal'
import type { Terminal } from '#render/terminal'
import { withSettingsHint } from '#settings-hint'
import { version } from '#version'

/** Does what the command line says, and leaves as soon as that is done. */
async function main(): Promise<never> {
  const terminal = createTerminal({ stdout: openStdout, stderr: openStderr, environment: process.env })
  const exitCode = await attempt(terminal)
  terminal.status('')
  terminal.flush()
  process.exit(exitCode)
}

let isStdoutOpen = false
let isStderrOpen = false

function openStdout(): NodeJS.WriteStream {
  // Whoever reads us has left (codegen | head): nothing is wrong, and the run goes on.
  if (!isStdoutOpen) process.stdout.on('error', () => process.exit(exitCodes.done))
  isStdoutOpen = true
  return process.stdout
}

function openStderr(): NodeJS.WriteStream {
  if (!isStderrOpen) process.stderr.on('error', () => undefined)
  isStderrOpen = true
  return process.stderr
}

async function attempt(terminal: Terminal): Promise<ExitCode> {
  try {
    return await perform(parseArguments(process.argv.slice(2)), terminal)
  } catch (thrown) {
    const failure = toFailure(thrown)
    if (failure.code === 'internal' && process.env['CODEGEN_DEBUG']) console.error(thrown)
    terminal.note([withSettingsHint(failure.code, failure.message), failure.hint].filter(Boolean).join(' '))
    return toExitCode(failure)
  }
}

async function perform(command: Command, terminal: Terminal): Promise<ExitCode> {
  switch (command.verb) {
    case 'run':
      return run(command, terminal)
    case 'attach':
      return attach(command, terminal)
    case 'log':
      return log(command, terminal)
    case 'cancel':
      return cancel(command, terminal)
    case 'runs':
      return runs(command, terminal)
    case 'status':
      return status(command, terminal)
    case 'tools':
      return tools(command, terminal)
    case 'help':
      terminal.print(help)
      return exitCodes.done
    case 'version':
      terminal.print(`codegen ${version}\n`)
      return exitCodes.done
  }
}

main().catch((thrown: unknown) => {
  console.error(thrown)
  process.exit(exitCodes.failed)
})
