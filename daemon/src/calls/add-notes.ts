import { limits } from '@codegen/protocol/limits'
import type { HookNote } from '#plugins/tool-hooks'
import type { Ending } from './ending.ts'

/**
 * A result with what plugins have to say to it below, in their order, each line marked with its plugin's name. How the call ended stays, and so does all of its text: a note for which
 * there is no room is left out.
 */
export function addNotes(ending: Ending, notes: readonly HookNote[]): Ending {
  if (typeof ending.result !== 'string') return ending
  let result: string = ending.result
  let separator = result === '' ? '' : '\n\n'
  for (const note of notes) {
    const lines = toLines(note)
    if (lines === '') continue
    const added = `${result}${separator}${lines}`
    if (added.length > limits.toolResultCharactersMax) continue
    result = added
    separator = '\n'
  }
  return { ...ending, result }
}

/** No line of a note can look like another plugin's, or like the tool's own text. */
function toLines({ plugin, text }: HookNote): string {
  const lines = text.split(/[\n\r\v\f\u0085\u2028\u2029]+/).filter((line) => line.trim() !== '')
  return lines.map((line) => `[plugin ${plugin}] ${line}`).join('\n')
}
