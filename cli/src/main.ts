import { commands } from '#commands'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { createTerminal } from '#render/terminal'
import type { Terminal } from '#render/terminal'
import { parseCommand } from '#parse-command'
import { tellFailure } from '#tell-failure'

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
    return tellFailure(thrown, terminal)
  }
}

main().catch((thrown: unknown) => {
  console.error(thrown)
  process.exit(exitCodes.failed)
})
