import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { endOfSet } from './name-pattern.ts'

/** `a{b,c}d` as `abd` and `acd`; braces may stand in one another. Fails with tool.bad_arguments for one without its end, or for too many. */
export function expandBraces(pattern: string): string[] {
  const open = findBare(pattern, '{', 0)
  if (open < 0) return [pattern]
  const choices: string[] = []
  let [depth, start] = [0, open + 1]
  for (let at = open; at < pattern.length; at = nextCharacter(pattern, at)) {
    const character = pattern[at]
    if (character === '{') depth++
    else if (character === '}') depth--
    if ((character === ',' && depth === 1) || depth === 0) {
      choices.push(pattern.slice(start, at))
      start = at + 1
    }
    if (depth === 0) return combine(pattern.slice(0, open), choices, pattern.slice(start))
  }
  throw new Failure('tool.bad_arguments', `The glob ${shownPath(pattern)} has a { without its }.`)
}

function combine(head: string, choices: readonly string[], tail: string): string[] {
  const tails = expandBraces(tail)
  const expanded: string[] = []
  for (const choice of choices.flatMap(expandBraces)) {
    for (const end of tails) expanded.push(head + choice + end)
    if (expanded.length > limits.globAlternativesMax) {
      throw new Failure(
        'tool.bad_arguments',
        `The braces of the glob make more than ${limits.globAlternativesMax} globs. Use fewer.`,
      )
    }
  }
  return expanded
}

/** Where a character stands that is neither escaped nor in brackets; -1 where it does not. */
function findBare(pattern: string, character: string, from: number): number {
  for (let at = from; at < pattern.length; at = nextCharacter(pattern, at)) if (pattern[at] === character) return at
  return -1
}

function nextCharacter(pattern: string, at: number): number {
  if (pattern[at] === '\\') return at + 2
  if (pattern[at] !== '[') return at + 1
  const end = endOfSet(pattern, at)
  return end < 0 ? at + 1 : end + 1
}
