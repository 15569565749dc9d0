import { Type } from 'typebox'
import type { Static } from 'typebox'
import { GenerationId, SessionId, ToolId, Traceparent } from '#ids'
import { limits } from '#limits'
import { message } from './message.ts'
import { RunMode } from './start-run.ts'

/**
 * Maestro -> executor: run one tool.
 *
 * Answered by any number of `tool_output_delta` and exactly one `tool_result`. The same `tool_id` again asks for the stored result; it never
 * runs the tool twice. None of the optional fields loosens a decision of the daemon.
 */
export const RunTool = message('run_tool', {
  tool_name: Type.String({ minLength: 1, maxLength: 200 }),
  tool_id: ToolId,
  generation_id: GenerationId,
  parameters: Type.Record(Type.String(), Type.Unknown()),
  session_id: Type.Optional(SessionId),
  mode: Type.Optional(RunMode),
  cwd: Type.Optional(Type.String({ maxLength: 4096 })),
  timeout_ms: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.toolCallMsMax })),
  bootstrap: Type.Optional(Type.Boolean()),
  ask: Type.Optional(Type.Boolean()),
  title: Type.Optional(Type.String({ maxLength: 1_000 })),
  traceparent: Type.Optional(Traceparent),
})
export type RunTool = Static<typeof RunTool.payload>
