import { Type } from 'typebox'
import type { Static } from 'typebox'
import { GenerationId, ToolId } from '#ids'
import { limits } from '#limits'
import { message } from './message.ts'

/** Executor -> Maestro: a piece of a running call's output. Flushed before the call's result, dropped after it; never the result itself. */
export const ToolOutputDelta = message('tool_output_delta', {
  generation_id: GenerationId,
  tool_id: ToolId,
  stream: Type.Enum(['stdout', 'stderr', 'log', 'progress']),
  chunk: Type.String({ maxLength: limits.outputDeltaBytesMax }),
  offset: Type.Integer({ minimum: 0 }),
})
export type ToolOutputDelta = Static<typeof ToolOutputDelta.payload>
