import { Type } from 'typebox'
import type { Static } from 'typebox'
import { GenerationId, ToolId } from '#ids'
import { limits } from '#limits'
import { message } from './message.ts'

/** What a person is shown before a call may run: the command, the diff or the address, whole. */
export const ApprovalPreview = Type.Object({
  command: Type.Optional(Type.String()),
  diff: Type.Optional(Type.String()),
  url: Type.Optional(Type.String()),
})
export type ApprovalPreview = Static<typeof ApprovalPreview>

/** One way to answer. `always` holds for this run. */
export const ApprovalOption = Type.Object({
  id: Type.String({ maxLength: 100 }),
  kind: Type.Enum(['allow', 'deny', 'always']),
  label: Type.String({ maxLength: 200 }),
})
export type ApprovalOption = Static<typeof ApprovalOption>

/** Executor -> Maestro, reliable by `tool_id`: a call waits for its owner. The digest covers tool name and parameters. */
export const ApprovalRequested = message('approval_requested', {
  tool_id: ToolId,
  generation_id: GenerationId,
  title: Type.String({ maxLength: 1_000 }),
  preview: ApprovalPreview,
  digest: Type.String({ maxLength: 128 }),
  options: Type.Array(ApprovalOption, { minItems: 1, maxItems: 10 }),
  expires_in_ms: Type.Integer({ minimum: 0, maximum: limits.approvalMsMax }),
})
export type ApprovalRequested = Static<typeof ApprovalRequested.payload>

/** Executor -> Maestro, reliable by `tool_id`: the owner answered, or nobody could. */
export const ApprovalResolved = message('approval_resolved', {
  tool_id: ToolId,
  generation_id: GenerationId,
  outcome: Type.Enum(['allowed', 'denied', 'cancelled', 'expired']),
  by: Type.String({ maxLength: 200 }),
})
export type ApprovalResolved = Static<typeof ApprovalResolved.payload>

/** Maestro -> executor: somebody answered elsewhere. A proposal: the daemon is the only judge. */
export const ApprovalAnswer = message('approval_answer', {
  tool_id: ToolId,
  option_id: Type.String({ maxLength: 100 }),
  by: Type.String({ maxLength: 200 }),
})
export type ApprovalAnswer = Static<typeof ApprovalAnswer.payload>
