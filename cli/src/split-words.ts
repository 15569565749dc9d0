import { Failure } from '@codegen/protocol/failure'
import type { Option } from '#commands/command'

/** A command line with its options taken out. */
export type SplitWords = {
  readonly words: string[]
  /** Each option that was given, with its value; one without a value has ''. */
  readonly options: Map<Option, string>
  /** `--` came first: what follows is a prompt, whatever it looks like. */
  isPromptOnly: boolean
}

/** Splits a command line at the options of `known`. Fails with request.invalid: an option nobody takes, or one without its value. */
export function splitWords(given: readonly string[], known: readonly Option[]): SplitWords {
  const found: SplitWords = { options: new Map(), words: [], isPromptOnly: false }
  for (let index = 0; index < given.length; index += 1) {
    const word = given[index] ?? ''
    if (word === '--') {
      found.isPromptOnly ||= found.words.length === 0
      found.words.push(...given.slice(index + 1))
      break
    }
    // No option has a space in it, so this is a prompt that begins with a dash.
    if (!word.startsWith('-') || word === '-' || /^[^=]*\s/.test(word)) {
      found.words.push(word)
      continue
    }
    const { option, inline } = findOption(word, known)
    const value = option.value === undefined ? '' : (inline ?? given[(index += 1)])
    if (option.value !== undefined && !value)
      throw usage(`--${option.name} needs a value: --${option.name} ${option.value}`)
    found.options.set(option, value ?? '')
  }
  return found
}

function findOption(word: string, known: readonly Option[]): { option: Option; inline: string | undefined } {
  const equals = word.indexOf('=')
  const inline = equals === -1 ? undefined : word.slice(equals + 1)
  const name = equals === -1 ? word : word.slice(0, equals)
  const option = known.find((one) => name === `--${one.name}` || name === `-${one.short ?? '-'}`)
  if (option && (inline === undefined || option.value !== undefined)) return { option, inline }
  if (option) throw usage(`There is no option ${word}; --${option.name} takes no value.`)
  throw usage(`There is no option ${word}; codegen --help lists them. A prompt that begins with a dash goes after --.`)
}

function usage(sentence: string): Failure {
  return new Failure('request.invalid', sentence)
}
