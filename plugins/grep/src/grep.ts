import { definePlugin, defineTool, shownPath, toCount } from '@codegen/kit'
import type { FoundFile, FoundLine, FoundLines, ToolContext, ToolReturn } from '@codegen/kit'
import { Grep } from '@codegen/protocol/built-in'
import type { GrepParameters } from '@codegen/protocol/built-in'
import { limits } from './limits.ts'

export default definePlugin([defineTool(Grep, grep)])

/** One line on how much was found, then each file's path and its lines: `12:` for one that matches, `12-` for one around it. */
async function grep(parameters: GrepParameters, context: ToolContext): Promise<ToolReturn> {
  const { pattern, dir_path = '.', glob, context: around = 0, max_results = limits.matchesDefault } = parameters
  const found = await context.search.lines({
    path: dir_path,
    regex: pattern,
    ...(glob === undefined ? {} : { glob }),
    context: around,
    linesMax: max_results,
  })
  const text = [summaryOf(found, dir_path), ...found.files.map(showFile), ...notesOf(found)].join('\n')
  return { text: text.toWellFormed(), truncated: found.end !== 'all' }
}

function summaryOf({ files, matches, end }: FoundLines, place: string): string {
  if (files.length === 0) return `No line in ${shownPath(place)} matches.`
  const count = `${toCount(matches, 'matching line')} in ${toCount(files.length, 'file')}`
  return end === 'all' ? `${count}.` : `The first ${count}; there are more.`
}

function showFile({ path, lines, hugeLines }: FoundFile): string {
  const shown = lines.flatMap((line, index) => [...gapBefore(lines, index), showLine(line)])
  const huge = hugeLines > 0 ? [`[${toCount(hugeLines, 'matching line')} too long to show]`] : []
  return [shownPath(path), ...shown, ...huge].join('\n')
}

/** Where lines are left out between two that are shown with what is around them. */
function gapBefore(lines: readonly FoundLine[], index: number): string[] {
  const [before, line] = [lines[index - 1], lines[index]]
  const hasContext = lines.some(({ kind }) => kind === 'context')
  return hasContext && before && line && line.number > before.number + 1 ? ['--'] : []
}

function showLine({ number, kind, text }: FoundLine): string {
  return `${number}${kind === 'match' ? ':' : '-'}${text}`
}

function notesOf({ end, complaint }: FoundLines): string[] {
  const why = {
    all: [],
    enough: ['[More lines match. Narrow the pattern, name a folder or glob, or raise max_results.]'],
    timeout: ['[The search was ended for taking too long. Name a folder further down to see the rest.]'],
  }
  return [...why[end], ...(complaint === undefined ? [] : [`[Not all could be searched: ${complaint}]`])]
}
