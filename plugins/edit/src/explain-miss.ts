import { nearestPlaceInWords, shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { findMatches, lineNumbersOf } from './find-matches.ts'
import type { Match } from './find-matches.ts'
import { limits } from './limits.ts'

/** Why a piece that is not in a text was not found, as far as that can be told, with the nearest place and its line numbers. */
export function explainMiss(path: string, text: string, piece: string): Failure {
  const nothing = `old_string was not found in ${shownPath(path)}; nothing was changed.`
  const withoutNumbers = withoutLineNumbers(piece)
  if (withoutNumbers !== undefined && findMatches(text, withoutNumbers, { kind: 'apart', matchesMax: 1 }).length > 0) {
    return new Failure('edit.no_match', `${nothing} It holds the line numbers that ReadFile prints: leave them out.`)
  }
  return new Failure('edit.no_match', `${nothing} ${nearestPlaceInWords(text, piece)}`)
}

/** Why a piece that must be unique is not, with the lines it was found on. */
export function explainMany(path: string, text: string, matches: readonly Match[]): Failure {
  const shown = lineNumbersOf(text, matches.slice(0, limits.placesShownMax)).join(', ')
  const isMore = matches.length > limits.placesShownMax
  const count = isMore ? `more than ${limits.placesShownMax} times` : `${matches.length} times`
  return new Failure(
    'edit.many_matches',
    `old_string is ${count} in ${shownPath(path)}, on lines ${shown}${isMore ? ' and on' : ''}; nothing was changed. Give more of the lines around it, or set replace_all.`,
  )
}

function withoutLineNumbers(piece: string): string | undefined {
  const lines = piece.split('\n')
  if (!lines.every((line, index) => /^ *\d+\t/.test(line) || (line === '' && index === lines.length - 1)))
    return undefined
  return lines.map((line) => line.replace(/^ *\d+\t/, '')).join('\n')
}
