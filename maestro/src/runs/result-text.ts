import { limits } from '@codegen/protocol/limits'
import type { ToolResult } from '@codegen/protocol/wire'
import type { ToolStatus } from '@codegen/protocol/tool'

/**
 * The text of a result as the model and every viewer get it. The executor is not trusted to have kept the limits: whatever JSON it sent
 * becomes text of at most limits.toolResultCharactersMax characters with its middle cut and said so.
 */
export function toResultText(result: Pick<ToolResult, 'result' | 'error'>, status: ToolStatus): string {
  const body = typeof result.result === 'string' ? result.result : (JSON.stringify(result.result) ?? '')
  const text = body === '' ? (result.error?.message ?? emptyText(status)) : body
  return cutMiddle(text, limits.toolResultCharactersMax)
}

function emptyText(status: ToolStatus): string {
  return status === 'success' ? '(no output)' : `(${status}, no output)`
}

function cutMiddle(text: string, charactersMax: number): string {
  // The tools cut by themselves and add a line or two of their own to what they keep.
  if (text.length <= charactersMax + 2_000) return text
  const half = Math.floor(charactersMax / 2)
  const cut = text.length - 2 * half
  return `${text.slice(0, half)}\n[... ${cut} of ${text.length} characters cut here ...]\n${text.slice(-half)}`
}
