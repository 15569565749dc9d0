import { Failure } from '@codegen/protocol/failure'
import type { Command, Invocation } from '#commands/command'
import { nearestVerb } from './nearest-verb.ts'
import { everywhere, helpOption, versionOption } from '#commands/options'
import { splitWords } from './split-words.ts'
import type { SplitWords } from './split-words.ts'

/** What the command line asks for. */
export type ParsedCommand = { command: Command; invocation: Omit<Invocation, 'terminal'> }

/** Reads the command line by the table of commands. Fails with request.invalid, saying what was meant to be there. */
export function parseCommand(given: readonly string[], commands: readonly Command[]): ParsedCommand {
  const split = splitWords(given, [...everywhere, ...commands.flatMap(({ options }) => options)])
  if (split.options.has(versionOption)) return toParsed(findCommand('version', commands), [], { split, commands })
  if (split.options.has(helpOption)) {
    const { name } = matchCommand(split, commands) ?? { name: split.words[0] ?? '' }
    const isName = commands.some((command) => command.name !== '' && command.name.startsWith(name))
    return toParsed(findCommand('help', commands), name && isName ? name.split(' ') : [], { split, commands })
  }
  const command = matchCommand(split, commands)
  if (!command) return parsePrompt({ split, commands })
  refuseOptions(command, split)
  const words = split.words.slice(command.name.split(' ').length)
  refuseWords(command, words, split)
  return toParsed(command, words, { split, commands })
}

type Typed = { split: SplitWords; commands: readonly Command[] }

/** The command the first words name; of two that fit the longer. */
function matchCommand({ words, isPromptOnly }: SplitWords, commands: readonly Command[]): Command | undefined {
  const [first, second] = words
  if (first === undefined || isPromptOnly) return undefined
  return (
    commands.find(({ name }) => second !== undefined && name === `${first} ${second}`) ??
    commands.find(({ name }) => name !== '' && name === first)
  )
}

function findCommand(name: string, commands: readonly Command[]): Command {
  const found = commands.find((command) => command.name === name)
  if (!found) throw new Failure('internal', `The table of commands has no "${name}".`)
  return found
}

function parsePrompt({ split, commands }: Typed): ParsedCommand {
  const prompt = findCommand('', commands)
  if (!split.isPromptOnly) refuseAlmostCommand(split.words, commands)
  refuseOptions(prompt, split)
  return toParsed(prompt, split.words, { split, commands })
}

function toParsed(command: Command, words: readonly string[], { split, commands }: Typed): ParsedCommand {
  const { options } = split
  return { command, invocation: { words, has: (one) => options.has(one), value: (one) => options.get(one), commands } }
}

/** Words that will be commands one day: a prompt that begins with one is more likely meant as such. */
const laterCommands = new Set(['acp', 'login', 'policy', 'sent', 'audit'])

/** A prompt costs time and money: what is nearly a command is not sent to a model. */
function refuseAlmostCommand(words: readonly string[], commands: readonly Command[]): void {
  const [first = ''] = words
  const otherwise = toPromptAdvice(words)
  if (laterCommands.has(first)) throw usage(`codegen ${first} does not exist yet; ${otherwise}`)
  const below = commands.flatMap(({ name }) => (name.startsWith(`${first} `) ? [name.slice(first.length + 1)] : []))
  if (below.length > 0) throw usage(`codegen ${first} takes ${toChoice(below)}; ${otherwise}`)
  const names = commands.map(({ name }) => name).filter((name) => name !== '' && !name.includes(' '))
  const meant = words.length === 1 ? nearestVerb(first, names) : undefined
  if (meant !== undefined)
    throw usage(`There is no codegen ${first}; did you mean codegen ${meant}? Else, ${otherwise}`)
}

function refuseOptions({ name, options }: Command, split: SplitWords): void {
  const wrong = [...split.options.keys()].find((given) => !options.includes(given) && !everywhere.includes(given))
  if (!wrong) return
  throw usage(
    name === ''
      ? `A prompt takes no --${wrong.name}; codegen --help says which command does.`
      : `codegen ${name} has no option --${wrong.name}; codegen ${name} --help lists what it takes.`,
  )
}

function refuseWords({ name, operands }: Command, words: readonly string[], split: SplitWords): void {
  const wordsMin = operands.filter(({ isOptional }) => !isOptional).length
  const wordsMax = operands.some(({ takesRest }) => takesRest) ? Infinity : operands.length
  if (words.length >= wordsMin && words.length <= wordsMax) return
  if (operands.length === 0) throw usage(`codegen ${name} takes nothing more; ${toPromptAdvice(split.words)}`)
  throw usage(`codegen ${name} takes ${operands.map(({ meaning }) => meaning).join(', and ')}.`)
}

function toPromptAdvice(words: readonly string[]): string {
  return `for a prompt write: codegen -- "${words.join(' ')}"`
}

/** `a, b or c`. */
function toChoice(words: readonly string[]): string {
  return words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function usage(sentence: string): Failure {
  return new Failure('request.invalid', sentence)
}
