import {
  definePlugin,
  defineTool,
  encodingInWords,
  isSameName,
  limits,
  lineEndsOf,
  linesOf,
  shownPath,
  toBytes,
  toCount,
  unifiedDiff,
} from '@codegen/kit'
import type { Diff, Files, ToolContext, ToolPreview, ToolReturn } from '@codegen/kit'
import { WriteFile } from '@codegen/protocol/built-in'
import type { WriteFileParameters } from '@codegen/protocol/built-in'
import { planWrite } from './plan-write.ts'
import type { WritePlan } from './plan-write.ts'

export default definePlugin([
  defineTool(WriteFile, writeFile, { preview: previewWrite, touches: ({ file_path }) => ({ writes: [file_path] }) }),
])

/** Writes in one step and answers with one line on what became of the file, then the diff. */
async function writeFile(parameters: WriteFileParameters, { files }: ToolContext): Promise<ToolReturn> {
  const path = parameters.file_path
  const plan = await planWrite(parameters, files)
  if (plan.kind === 'keep') {
    await files.read(path, { bytesMax: limits.textBytesMax })
    return `${shownPath(path)} already has this content (${toBytes(plan.bytesBefore)}); nothing was written.`
  }
  await files.write(path, plan.bytes, plan.ifDigest === undefined ? {} : { ifDigest: plan.ifDigest })

  const note = plan.kind === 'create' ? await noteOnSameName(files, path) : ''
  const diff = shownDiff(plan)
  return {
    text: `${outcomeOf(plan, diff, { path: shownPath(path), created: 'Created', replaced: 'Replaced' })}${note}\n${diff.text}`.trimEnd(),
    structured: {
      kind: 'file_change',
      path,
      created: plan.kind === 'create',
      lines_added: diff.linesAdded,
      lines_removed: diff.linesRemoved,
    },
    truncated: diff.truncated,
  }
}

/** The diff as its owner judges it, as good as whole. */
async function previewWrite(parameters: WriteFileParameters, { files }: ToolContext): Promise<ToolPreview> {
  const plan = await planWrite(parameters, files)
  const bounds = { linesMax: limits.previewLinesMax, charactersMax: limits.previewCharactersMax }
  const diff = unifiedDiff(plan.before, plan.after, bounds)
  const words = { path: shownPath(parameters.file_path), created: 'Create', replaced: 'Replace' }
  return { diff: `${outcomeOf(plan, diff, words)}\n${diff.text}`.trimEnd() }
}

/** A model has just written the new file: it is shown no more than its beginning. */
function shownDiff({ kind, before, after }: WritePlan): Diff {
  const linesMax = kind === 'replace' ? limits.diffLinesMax : limits.newFileDiffLinesMax
  return unifiedDiff(before, after, { linesMax, charactersMax: limits.diffCharactersMax })
}

type OutcomeWords = { readonly path: string; readonly created: string; readonly replaced: string }

function outcomeOf(plan: WritePlan, diff: Diff, { path, created, replaced }: OutcomeWords): string {
  const now = `${toCount(linesOf(plan.after).length, 'line')}, ${toBytes(plan.bytes.byteLength)}`
  if (plan.kind === 'create') return `${created} ${path}: ${now}.`
  const before = toBytes(plan.bytesBefore)
  if (plan.kind === 'replace-unread') return `${replaced} ${path}, which was no readable text (${before}): now ${now}.`
  const change =
    diff.text === '' ? 'only line ends or encoding differ' : `+${diff.linesAdded} -${diff.linesRemoved} lines`
  return `${replaced} ${path}: ${change}; now ${now}, before ${before}.${traitsOf(plan)}`
}

function traitsOf({ encoding, encodingLeft, after }: WritePlan): string {
  if (encodingLeft) return ` It is UTF-8 now: ${encodingInWords(encodingLeft)} has no place for some of the characters.`
  const kept = [
    encoding.name === 'utf-8' && !encoding.byteOrderMark ? '' : encodingInWords(encoding),
    lineEndsOf(after).kind === 'crlf' ? 'CRLF line ends' : '',
  ].filter((trait) => trait !== '')
  return kept.length === 0 ? '' : ` Kept: ${kept.join(', ')}.`
}

/** Two names that some disks take for one are a surprise waiting for whoever checks the project out there. */
async function noteOnSameName(files: Files, path: string): Promise<string> {
  const at = path.lastIndexOf('/')
  const [folder, name] = [at < 0 ? '.' : path.slice(0, at) || '/', path.slice(at + 1)]
  const listing = await files.list(folder, { depth: 1, entriesMax: limits.nearNamesScannedMax }).catch(() => undefined)
  const other = listing?.entries.find((entry) => entry.path !== name && isSameName(entry.path, name))
  return other ? ` Note: ${shownPath(other.path)} is there too; on some disks the two names are one file.` : ''
}
