import { definePlugin, defineTool, shownPath } from '@codegen/kit'
import type { FileEntry, FileListing, ToolContext, ToolReturn } from '@codegen/kit'
import { ReadFolder } from '@codegen/protocol/built-in'
import type { ReadFolderParameters } from '@codegen/protocol/built-in'

const entriesMax = 1_000

export default definePlugin([defineTool(ReadFolder, readFolder)])

/** One line about the folder, then one line an entry. */
async function readFolder({ dir_path, depth = 1 }: ReadFolderParameters, context: ToolContext): Promise<ToolReturn> {
  const listing = await context.files.list(dir_path, { depth, entriesMax })
  const lines = [`${shownPath(dir_path)}: ${summaryOf(listing)}`, ...listing.entries.map(lineOf)]
  return { text: lines.join('\n').toWellFormed(), truncated: listing.entries.length < listing.total }
}

function summaryOf({ entries, total, totalIsExact, ignored }: FileListing): string {
  const because = ignored ? ' The folder itself is named by .gitignore.' : ''
  if (total === 0 && totalIsExact) return `empty, or all of it is named by .gitignore.${because}`
  const count = `${totalIsExact ? '' : 'more than '}${total.toLocaleString('en-US')}`
  if (entries.length === total && totalIsExact) return `${count} ${total === 1 ? 'entry' : 'entries'}.${because}`
  const shown = entries.length.toLocaleString('en-US')
  return `${shown} of ${count} entries shown; list a folder below, or use Shell with find, to see the rest.${because}`
}

function lineOf(entry: FileEntry): string {
  if (entry.kind === 'folder') return `${shownPath(entry.path)}/`
  if (entry.kind === 'link') return `${shownPath(entry.path)} -> ${shownPath(entry.target)}`
  return entry.kind === 'file' ? shownPath(entry.path) : `${shownPath(entry.path)} (not a regular file)`
}
