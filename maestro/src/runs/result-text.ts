import { limits } from '@codegen/protocol/limits'
import type { ToolResult } from '@codegen/protocol/wire'
import type { ToolStatus } from '@codegen/protocol/tool'
import { cutMiddle } from './cut-text.ts'

/**
 * The text of a result as the model and every viewer get it. The executor is not trusted to have kept the limits: whatever JSON it sent
 * becomes text of at most limits.toolResultCharactersMax characters with its middle cut and said so.
 */
export function toResultText(result: Pick<ToolResult, 'result' | 'error'>, status: ToolStatus): string {
  const body = typeof result.result === 'string' ? result.result : (JSON.stringify(result.result) ?? '')
  const text = body === '' ? (result.error?.message ?? emptyText(status)) : body
  // The tools cut by themselves and add a line or two of their own to what they keep.
  if (text.length <= limits.toolResultCharactersMax + 2_000) return text
  return cutMiddle(text, limits.toolResultCharactersMax)
}

function emptyText(status: ToolStatus): string {
  return status === 'success' ? '(no output)' : `(${status}, no output)`
}
