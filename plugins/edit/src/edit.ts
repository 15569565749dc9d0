import { definePlugin, defineTool, limits, shownPath, toBytes, toCount, unifiedDiff } from '@codegen/kit'
import type { ToolContext, ToolPreview, ToolReturn } from '@codegen/kit'
import { Edit } from '@codegen/protocol/built-in'
import type { EditParameters } from '@codegen/protocol/built-in'
import { planEdit } from './plan-edit.ts'
import type { EditPlan } from './plan-edit.ts'

export default definePlugin([
  defineTool(Edit, edit, { preview: previewEdit, touches: ({ file_path }) => ({ writes: [file_path] }) }),
])

/** Replaces in one step and answers with one line on what was done, then the diff. */
async function edit(parameters: EditParameters, { files }: ToolContext): Promise<ToolReturn> {
  const path = parameters.file_path
  const plan = await planEdit(parameters, files)
  await files.write(path, plan.bytes, { ifDigest: plan.ifDigest })
  const diff = unifiedDiff(plan.before, plan.after)
  return {
    text: `${outcomeOf(plan, path)}, +${diff.linesAdded} -${diff.linesRemoved} lines.\n${diff.text}`,
    structured: {
      kind: 'file_change',
      path,
      created: false,
      lines_added: diff.linesAdded,
      lines_removed: diff.linesRemoved,
    },
    truncated: diff.truncated,
  }
}

/** The diff as its owner judges it, as good as whole. */
async function previewEdit(parameters: EditParameters, { files }: ToolContext): Promise<ToolPreview> {
  const plan = await planEdit(parameters, files)
  const bounds = { linesMax: limits.previewLinesMax, charactersMax: limits.previewCharactersMax }
  const head = `Edit ${shownPath(parameters.file_path)}: ${toCount(plan.replacements, 'replacement')}.`
  return { diff: `${head}\n${unifiedDiff(plan.before, plan.after, bounds).text}` }
}

function outcomeOf({ replacements, bytes }: EditPlan, path: string): string {
  return `Edited ${shownPath(path)} (${toBytes(bytes.byteLength)} now): ${toCount(replacements, 'replacement')}`
}
