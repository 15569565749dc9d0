import { Type } from 'typebox'
import type { Static } from 'typebox'
import { GenerationId, ToolId } from '#ids'
import { message } from './message.ts'

/**
 * Maestro -> executor: end a call, its process group within `grace_ms` plus 3 s. Answered by the call's one `tool_result`. For an unknown call
 * it is journaled as cancelled and answered; a later `run_tool` gets that record.
 */
export const CancelTool = message('cancel_tool', {
  generation_id: GenerationId,
  tool_id: ToolId,
  reason: Type.String({ maxLength: 1_000 }),
  grace_ms: Type.Integer({ minimum: 0, maximum: 60_000 }),
})
export type CancelTool = Static<typeof CancelTool.payload>
