import { definePlugin, defineTool, shownPath, toDigits } from '@codegen/kit'
import type { FileEntry, FileListing, ToolContext, ToolReturn } from '@codegen/kit'
import { ReadFolder } from '@codegen/protocol/built-in'
import type { ReadFolderParameters } from '@codegen/protocol/built-in'
import { limits } from './limits.ts'

export default definePlugin([defineTool(ReadFolder, readFolder)])

/** One line about the folder, then one line an entry. */
async function readFolder({ dir_path, depth = 1 }: ReadFolderParameters, context: ToolContext): Promise<ToolReturn> {
  const listing = await context.files.list(dir_path, { depth, entriesMax: limits.entriesMax })
  const lines = takeLines(listing.entries)
  const text = [`${shownPath(dir_path)}: ${summaryOf(listing, lines.length)}`, ...lines].join('\n')
  return { text: text.toWellFormed(), truncated: lines.length < listing.total || !listing.totalIsExact }
}

function takeLines(entries: readonly FileEntry[]): string[] {
  const lines: string[] = []
  let characters = 0
  for (const entry of entries) {
    const line = lineOf(entry)
    characters += line.length + 1
    if (characters > limits.charactersMax) break
    lines.push(line)
  }
  return lines
}

function summaryOf({ total, totalIsExact, ignored }: FileListing, shown: number): string {
  const because = ignored ? ' The folder itself is named by .gitignore.' : ''
  if (total === 0 && totalIsExact) return `empty, or all of it is named by .gitignore.${because}`
  const count = `${totalIsExact ? '' : 'more than '}${toDigits(total)}`
  if (shown === total && totalIsExact) return `${count} ${total === 1 ? 'entry' : 'entries'}.${because}`
  return `${toDigits(shown)} of ${count} entries shown; list a folder below, or use Shell with find, to see the rest.${because}`
}

function lineOf(entry: FileEntry): string {
  if (entry.kind === 'folder') return `${shownPath(entry.path)}/`
  if (entry.kind === 'link') return `${shownPath(entry.path)} -> ${shownPath(entry.target)}`
  return entry.kind === 'file' ? shownPath(entry.path) : `${shownPath(entry.path)} (not a regular file)`
}
