import type { Command, Completes, Operand, Option } from './command.ts'
import { everywhere } from './options.ts'

/** What may stand where the cursor is: words with what they are for, or names that somebody has to be asked for. */
export type NextWords = { readonly words: readonly Candidate[]; readonly ask?: Exclude<Completes, readonly string[]> }
export type Candidate = readonly [word: string, summary: string]

/** Decides from the words after `codegen`, the last one as far as it is typed, what may come there. */
export function nextWords(given: readonly string[], commands: readonly Command[]): NextWords {
  // bash takes the equals sign of --name=value for a word.
  const typed = given.filter((word, index) => word !== '=' || index === given.length - 1)
  const current = typed.at(-1) === '=' ? '' : (typed.at(-1) ?? '')
  const before = typed.slice(0, -1)
  if (before.includes('--')) return { words: [] }

  const all = [...everywhere, ...commands.flatMap(({ options }) => options)]
  const awaiting = findOption(before.at(-1) ?? '', all)
  if (awaiting?.value !== undefined) return toNextWords(awaiting.completes)
  const words = before.filter((word, index) => !word.startsWith('-') && !takesValue(before[index - 1], all))
  const command = findCommand(words, commands)
  if (current.startsWith('-')) return { words: toOptionWords(command ?? findCommand([''], commands)) }
  const names = toNames(words, commands)
  const operand = command && command.name !== '' ? operandAt(command, words) : undefined
  const { words: found, ask } = toNextWords(operand?.completes, commands)
  return { words: [...names, ...found], ...(ask ? { ask } : {}) }
}

function takesValue(word: string | undefined, all: readonly Option[]): boolean {
  return word !== undefined && findOption(word, all)?.value !== undefined
}

function findOption(word: string, all: readonly Option[]): Option | undefined {
  return all.find(({ name, short }) => word === `--${name}` || (short !== undefined && word === `-${short}`))
}

function findCommand(words: readonly string[], commands: readonly Command[]): Command | undefined {
  const [first = '', second] = words
  return commands.find(({ name }) => name === `${first} ${second}`) ?? commands.find(({ name }) => name === first)
}

function toOptionWords(command: Command | undefined): Candidate[] {
  return [...(command?.options ?? []), ...everywhere].map(({ name, summary }) => [`--${name}`, summary])
}

/** The commands that begin with these words, by their next word. */
function toNames(words: readonly string[], commands: readonly Command[]): Candidate[] {
  const beginning = words.map((word) => `${word} `).join('')
  const found = new Map<string, string>()
  for (const { name, summary, isHidden } of commands) {
    if (name === '' || isHidden || !name.startsWith(beginning)) continue
    const [next = '', ...more] = name.slice(beginning.length).split(' ')
    if (more.length === 0 || !found.has(next))
      found.set(next, more.length === 0 ? summary : `${next} ${more[0]} and more`)
  }
  return [...found]
}

function operandAt({ name, operands }: Command, words: readonly string[]): Operand | undefined {
  const index = words.length - name.split(' ').length
  return operands[index] ?? (operands.at(-1)?.takesRest ? operands.at(-1) : undefined)
}

function toNextWords(completes: Completes | undefined, commands: readonly Command[] = []): NextWords {
  if (completes === undefined) return { words: [] }
  if (completes === 'commands') return { words: toNames([], commands) }
  if (typeof completes === 'string') return { words: [], ask: completes }
  return { words: completes.map((word) => [word, '']) }
}
