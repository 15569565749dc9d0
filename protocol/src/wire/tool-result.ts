import { Type } from 'typebox'
import type { Static } from 'typebox'
import { GenerationId, ToolId } from '#ids'
import type { ToolStatus } from '#tool'
import { message } from './message.ts'

/**
 * Executor -> Maestro, reliable by `tool_id`: how a call ended. The seed's fields first; `status` is one of ToolStatus, but any word is read
 * (see `toToolStatus`), and `result` may be any JSON.
 */
export const ToolResult = message('tool_result', {
  tool_id: ToolId,
  status: Type.String({ maxLength: 100 }),
  result: Type.Unknown(),
  generation_id: GenerationId,
  error: Type.Optional(
    Type.Object({ code: Type.String(), message: Type.String(), retryable: Type.Optional(Type.Boolean()) }),
  ),
  truncated: Type.Optional(Type.Boolean()),
  bytes_total: Type.Optional(Type.Integer({ minimum: 0 })),
  duration_ms: Type.Optional(Type.Number({ minimum: 0 })),
  structured: Type.Optional(Type.Unknown()),
})
export type ToolResult = Static<typeof ToolResult.payload>

const successWords = new Set(['success', 'ok', 'completed', 'done'])
const knownWords = new Set<string>(['error', 'cancelled', 'denied', 'timeout', 'interrupted'] satisfies ToolStatus[])

/** Reads a status word from outside: success, ok, completed and done are success; what is not known is an error. */
export function toToolStatus(word: string): ToolStatus {
  if (successWords.has(word)) return 'success'
  return isToolStatus(word) ? word : 'error'
}

function isToolStatus(word: string): word is ToolStatus {
  return knownWords.has(word)
}
