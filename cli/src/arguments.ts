import { Failure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import { nearestVerb } from './nearest-verb.ts'

/** What the command line asks for. */
export type Command =
  | ({ verb: 'run'; words: string[] } & RunOptions)
  | ({ verb: 'attach' | 'log'; id: string } & Shown)
  | { verb: 'cancel'; id: string }
  | { verb: 'runs' | 'status' | 'tools'; json: boolean }
  | { verb: 'help' | 'version' }

export type Shown = { json: boolean; quiet: boolean }

export type RunOptions = Shown & {
  mode: 'ask' | 'auto' | 'read-only'
  cwd?: string
  model?: string
  maxTurns?: number
}

/** Reads the command line. Fails with request.invalid, saying what was meant to be there. */
export function parseArguments(given: readonly string[]): Command {
  const { flags, values, words, isPromptOnly } = split(given)
  if (flags.has('help')) return { verb: 'help' }
  if (flags.has('version')) return { verb: 'version' }
  const [first, ...rest] = words
  if (first === undefined || isPromptOnly || !isVerb(first))
    return parseRun(first, { flags, values, words, isPromptOnly })
  const verb = verbs[first]
  refuseFlags(first, verb.flags, [...flags, ...values.keys()])
  const id = rest[0]
  if (verb.takesId && (id === undefined || rest.length > 1))
    throw usage(`codegen ${first} takes the id of one run; codegen runs lists them.`)
  if (!verb.takesId && id !== undefined)
    throw usage(`codegen ${first} takes nothing more; for a prompt write: codegen -- "${words.join(' ')}"`)
  return verb.toCommand({ id: id ?? '', json: flags.has('json'), quiet: flags.has('quiet') })
}

type Split = { flags: Set<string>; values: Map<string, string>; words: string[]; isPromptOnly: boolean }

const flagNames = ['ask', 'auto', 'read-only', 'json', 'quiet', 'help', 'version']
const valueNames = ['cwd', 'model', 'max-turns']
const shortNames: Readonly<Record<string, string>> = { h: 'help', V: 'version', q: 'quiet', C: 'cwd', m: 'model' }

function split(given: readonly string[]): Split {
  const found: Split = { flags: new Set(), values: new Map(), words: [], isPromptOnly: false }
  for (let index = 0; index < given.length; index += 1) {
    const argument = given[index] ?? ''
    if (argument === '--') {
      found.isPromptOnly ||= found.words.length === 0
      found.words.push(...given.slice(index + 1))
      break
    }
    // No option has a space in it, so this is a prompt that begins with a dash.
    if (!argument.startsWith('-') || argument === '-' || /^[^=]*\s/.test(argument)) {
      found.words.push(argument)
      continue
    }
    const { name, inline } = toOption(argument)
    if (flagNames.includes(name) && inline === undefined) found.flags.add(name)
    else if (valueNames.includes(name)) {
      const value = inline ?? given[(index += 1)]
      if (!value)
        throw usage(
          `--${name} needs a value: --${name} ${name === 'max-turns' ? 'NUMBER' : name === 'cwd' ? 'DIR' : 'NAME'}`,
        )
      found.values.set(name, value)
    } else
      throw usage(
        `There is no option ${argument}; codegen --help lists them. A prompt that begins with a dash goes after --.`,
      )
  }
  return found
}

function toOption(argument: string): { name: string; inline: string | undefined } {
  const equals = argument.indexOf('=')
  const inline = equals === -1 ? undefined : argument.slice(equals + 1)
  const word = equals === -1 ? argument : argument.slice(0, equals)
  if (word.startsWith('--')) return { name: word.slice(2), inline }
  return { name: shortNames[word.slice(1)] ?? '', inline }
}

type Verb = {
  takesId: boolean
  flags: readonly string[]
  toCommand(given: { id: string } & Shown): Command
}

const verbs = {
  runs: { takesId: false, flags: ['json'], toCommand: ({ json }) => ({ verb: 'runs', json }) },
  log: { takesId: true, flags: ['json', 'quiet'], toCommand: (given) => ({ verb: 'log', ...given }) },
  attach: { takesId: true, flags: ['json', 'quiet'], toCommand: (given) => ({ verb: 'attach', ...given }) },
  cancel: { takesId: true, flags: [], toCommand: ({ id }) => ({ verb: 'cancel', id }) },
  status: { takesId: false, flags: ['json'], toCommand: ({ json }) => ({ verb: 'status', json }) },
  tools: { takesId: false, flags: ['json'], toCommand: ({ json }) => ({ verb: 'tools', json }) },
  help: { takesId: false, flags: [], toCommand: () => ({ verb: 'help' }) },
  version: { takesId: false, flags: [], toCommand: () => ({ verb: 'version' }) },
} as const satisfies Record<string, Verb>

/** Words that will be verbs one day: as a prompt of one word they are more likely meant as such. */
const laterVerbs = new Set(['resume', 'doctor', 'service', 'plugins', 'mcp', 'acp', 'login', 'policy', 'sent', 'audit'])

function isVerb(word: string): word is keyof typeof verbs {
  return Object.hasOwn(verbs, word)
}

function parseRun(first: string | undefined, { flags, values, words, isPromptOnly }: Split): Command {
  if (first !== undefined && !isPromptOnly) refuseAlmostVerb(first, words)
  const modes = (['ask', 'auto', 'read-only'] as const).filter((name) => flags.has(name))
  if (modes.length > 1) throw usage(`--${modes[0]} and --${modes[1]} cannot both be meant; choose one.`)
  const cwd = values.get('cwd')
  const model = values.get('model')
  const turns = values.get('max-turns')
  return {
    verb: 'run',
    words,
    mode: modes[0] ?? 'ask',
    json: flags.has('json'),
    quiet: flags.has('quiet'),
    ...(cwd === undefined ? {} : { cwd }),
    ...(model === undefined ? {} : { model }),
    ...(turns === undefined ? {} : { maxTurns: parseTurns(turns) }),
  }
}

/** A prompt costs time and money: a single word that is nearly a command is not sent to a model. */
function refuseAlmostVerb(first: string, words: readonly string[]): void {
  const asPrompt = `for a prompt write: codegen -- "${words.join(' ')}"`
  if (laterVerbs.has(first)) throw usage(`codegen ${first} does not exist yet; ${asPrompt}`)
  const verb = words.length === 1 ? nearestVerb(first, Object.keys(verbs)) : undefined
  if (verb !== undefined) throw usage(`There is no codegen ${first}; did you mean codegen ${verb}? Else, ${asPrompt}`)
}

function parseTurns(text: string): number {
  const turns = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (turns >= 1 && turns <= limits.turnsMax) return turns
  throw usage(`--max-turns takes a number from 1 to ${limits.turnsMax}, not ${text.slice(0, 40)}.`)
}

function refuseFlags(verb: string, allowed: readonly string[], given: readonly string[]): void {
  const wrong = given.find((name) => !allowed.includes(name))
  if (wrong !== undefined) throw usage(`codegen ${verb} has no option --${wrong}.`)
}

function usage(sentence: string): Failure {
  return new Failure('request.invalid', sentence)
}
