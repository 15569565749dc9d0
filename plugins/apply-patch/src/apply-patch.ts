import { definePlugin, defineTool, limits as textLimits, shownPath, toCount, unifiedDiff } from '@codegen/kit'
import type { CallTouches, Diff, DiffBounds, ToolContext, ToolPreview, ToolReturn } from '@codegen/kit'
import { ApplyPatch } from '@codegen/protocol/built-in'
import type { ApplyPatchParameters } from '@codegen/protocol/built-in'
import { Failure } from '@codegen/protocol/failure'
import { parsePatch } from './parse-patch.ts'
import { planPatch } from './plan-patch.ts'
import type { FileChange } from './plan-patch.ts'
import { writeChanges } from './write-changes.ts'

export default definePlugin([defineTool(ApplyPatch, applyPatch, { preview: previewPatch, touches })])

/** Changes all files or none and answers with one line on what was done, then each file with its diff. */
async function applyPatch({ patch }: ApplyPatchParameters, context: ToolContext): Promise<ToolReturn> {
  const changes = await planPatch(parsePatch(patch), context.files)
  await writeChanges(changes, context)
  const shown = showChanges(changes, { linesMax: textLimits.diffLinesMax, charactersMax: textLimits.diffCharactersMax })
  return {
    text: `Changed ${toCount(changes.length, 'file')}.\n${shown.text}`,
    structured: { kind: 'file_change', files: shown.files },
    truncated: shown.truncated,
  }
}

/** The diff of all files as its owner judges it, as good as whole. */
async function previewPatch({ patch }: ApplyPatchParameters, { files }: ToolContext): Promise<ToolPreview> {
  const changes = await planPatch(parsePatch(patch), files)
  const bounds = { linesMax: textLimits.previewLinesMax, charactersMax: textLimits.previewCharactersMax }
  return { diff: `Change ${toCount(changes.length, 'file')}.\n${showChanges(changes, bounds).text}` }
}

/** A patch that cannot be read writes nothing. */
function touches({ patch }: ApplyPatchParameters): CallTouches {
  try {
    const sections = parsePatch(patch)
    return {
      writes: sections.flatMap((section) => ('moveTo' in section ? [section.path, section.moveTo] : section.path)),
    }
  } catch (error) {
    if (error instanceof Failure) return {}
    throw error
  }
}

type Shown = { text: string; files: object[]; truncated: boolean }

/** All diffs one after another, the bounds holding for them together. */
function showChanges(changes: readonly FileChange[], bounds: DiffBounds): Shown {
  const left = { ...bounds }
  const texts: string[] = []
  const files: object[] = []
  let truncated = false
  for (const change of changes) {
    const diff = unifiedDiff(change.before ?? '', change.after, {
      linesMax: Math.max(1, left.linesMax),
      charactersMax: Math.max(1, left.charactersMax),
    })
    left.linesMax -= diff.text.split('\n').length
    left.charactersMax -= diff.text.length
    truncated ||= diff.truncated
    texts.push(`${headOf(change, diff)}\n${diff.text}`.trimEnd())
    files.push({
      path: change.to ?? change.path,
      change: change.kind,
      lines_added: diff.linesAdded,
      lines_removed: diff.linesRemoved,
    })
  }
  return { text: texts.join('\n'), files, truncated }
}

const words = { add: 'Add', update: 'Update', move: 'Move', delete: 'Delete' }

function headOf({ kind, path, to, before }: FileChange, { linesAdded, linesRemoved }: Diff): string {
  const target = to === undefined ? '' : ` to ${shownPath(to)}`
  const size = before === undefined ? 'no text' : `+${linesAdded} -${linesRemoved} lines`
  return `${words[kind]} ${shownPath(path)}${target}: ${size}`
}
