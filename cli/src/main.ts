import { toFailure } from '@codegen/protocol/failure'
import { commands } from '#commands'
import { exitCodes, toExitCode } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { createTerminal } from '#render/terminal'
import type { Terminal } from '#render/terminal'
import { parseCommand } from '#parse-command'
import { withSettingsHint } from '#settings-hint'

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
    const { command, invocation } = parseCommand(process.argv.slice(2), commands)
    return await command.run({ ...invocation, terminal })
  } catch (thrown) {
    const failure = toFailure(thrown)
    if (failure.code === 'internal' && process.env['CODEGEN_DEBUG']) console.error(thrown)
    terminal.note([withSettingsHint(failure.code, failure.message), failure.hint].filter(Boolean).join(' '))
    return toExitCode(failure)
  }
}

main().catch((thrown: unknown) => {
  console.error(thrown)
  process.exit(exitCodes.failed)
})
