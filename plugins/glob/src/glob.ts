import { definePlugin, defineTool, shownPath, toCount, toDigits } from '@codegen/kit'
import type { FoundPaths, ToolContext, ToolReturn } from '@codegen/kit'
import { Glob } from '@codegen/protocol/built-in'
import type { GlobParameters } from '@codegen/protocol/built-in'
import { limits } from './limits.ts'

export default definePlugin([defineTool(Glob, glob)])

/** One line on how many there are, then one path a line, the newest first. */
async function glob({ pattern, dir_path = '.' }: GlobParameters, context: ToolContext): Promise<ToolReturn> {
  const found = await context.search.paths({ folder: dir_path, glob: pattern, pathsMax: limits.pathsMax })
  const text = [summaryOf(found, dir_path), ...found.paths.map(shownPath)].join('\n')
  return { text: text.toWellFormed(), truncated: found.paths.length < found.total || !found.totalIsExact }
}

function summaryOf({ paths, total, totalIsExact }: FoundPaths, folder: string): string {
  if (total === 0) {
    return `No file in ${shownPath(folder)} fits, of those that .gitignore does not name. A pattern with a / counts from that folder; **/ before it means any depth.`
  }
  if (paths.length >= total && totalIsExact) return `${toCount(total, 'file')}, newest first.`
  const all = `${totalIsExact ? '' : 'more than '}${toDigits(total)}`
  return `The ${toDigits(paths.length)} newest of ${all} files; narrow the pattern or name a folder for the others.`
}
