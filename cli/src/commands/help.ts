import { Failure } from '@codegen/protocol/failure'
import { commandGroups } from './command.ts'
import type { Command, Invocation, Option } from './command.ts'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { everywhere } from './options.ts'

/** `codegen help`, `codegen --help`, `codegen VERB --help`. */
export const help: Command = {
  name: 'help',
  group: 'codegen itself',
  summary: 'this, or what one command takes',
  operands: [
    {
      name: 'COMMAND',
      meaning: 'the name of a command',
      isOptional: true,
      takesRest: true,
      completes: 'commands',
    },
  ],
  options: [],
  run: showHelp,
}

async function showHelp({ words, commands, terminal }: Invocation): Promise<ExitCode> {
  const name = words.join(' ')
  const named = commands.filter(
    (command) => command.name !== '' && !command.isHidden && `${command.name} `.startsWith(`${name} `),
  )
  if (name !== '' && named.length === 0)
    throw new Failure('request.invalid', `There is no codegen ${name}; codegen --help lists the commands.`)
  terminal.print(name === '' ? renderHelp(commands) : named.map(renderCommandHelp).join('\n'))
  return exitCodes.done
}

/** The help of all commands. */
function renderHelp(commands: readonly Command[]): string {
  const prompt = commands.find(({ name }) => name === '')
  const groups = commandGroups.flatMap((group) => {
    const members = commands.filter((command) => command.group === group && command !== prompt && !command.isHidden)
    return members.length === 0 ? [] : [`${group}\n${renderPairs(members.map(toCommandPair))}`]
  })
  return [introduction, `Options of a prompt\n${renderOptions(prompt?.options ?? [])}`, ...groups, closing].join('\n')
}

const introduction = `codegen sends a prompt to the coding agent on this machine and shows what it does.

  codegen "add a /health endpoint"     work on the folder you are in
  git diff | codegen "review this"     what is piped in is added to the prompt
`

const closing = `codegen COMMAND --help says more of one. An id may be cut to its beginning. What follows -- is the prompt.
Ctrl-C ends the run, a second one leaves at once. When the terminal is closed the run goes on.

Exit codes  0 done   1 failed   2 wrong usage   3 a limit was reached   4 codegend or its server cannot be reached
            5 a call was denied because there was no terminal to ask on   130 interrupted
`

/** The help of one command. */
export function renderCommandHelp(command: Command): string {
  const { summary, details, options } = command
  return [
    `${toUsage(command)}\n\n${capitalise(summary)}.\n`,
    ...(details ? [`${details.join('\n')}\n`] : []),
    ...(options.length > 0 ? [`Options\n${renderOptions(options)}`] : []),
  ].join('\n')
}

/** How a command is typed: `codegen log ID [--json] [-q]`. */
export function toUsage({ name, operands, options }: Command): string {
  const words = operands.map(toOperand)
  return ['codegen', name, ...words, options.length > 0 ? '[options]' : ''].filter(Boolean).join(' ')
}

function toOperand({ name, isOptional, takesRest }: Command['operands'][number]): string {
  const shown = takesRest ? `${name}...` : name
  return isOptional ? `[${shown}]` : shown
}

function toCommandPair({ name, operands, summary }: Command): [string, string] {
  return [['codegen', name, ...operands.map(toOperand)].join(' '), summary]
}

function renderOptions(options: readonly Option[]): string {
  return renderPairs([...options, ...everywhere.slice(0, 1)].map(toOptionPair))
}

function toOptionPair({ name, short, value, summary }: Option): [string, string] {
  const long = value === undefined ? `--${name}` : `--${name} ${value}`
  return [short === undefined ? `    ${long}` : `-${short}, ${long}`, summary]
}

function renderPairs(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(...pairs.map(([left]) => left.length))
  return pairs.map(([left, right]) => `  ${left.padEnd(width)}   ${right}\n`).join('')
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1)
}
