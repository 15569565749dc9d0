import { Type } from 'typebox'
import type { Static, TObject } from 'typebox'
import { GenerationId, ToolId } from '#ids'
import { ApprovalOption, ApprovalPreview } from '#wire/approval'
import { method } from './method.ts'

const Question = {
  tool_id: ToolId,
  generation_id: GenerationId,
  tool_name: Type.String(),
  title: Type.String(),
  preview: ApprovalPreview,
  options: Type.Array(ApprovalOption),
}

/** A call that waits for its owner. */
export type ApprovalQuestion = Static<TObject<typeof Question>>

/** daemon -> client: may this call run? The first answer of any client counts; `approval/resolved` tells the others. */
export const ApprovalRequest = method('approval/request', Question, Type.Object({ option_id: Type.String() }))

/** The questions that are open. */
export const ApprovalList = method('approval/list', {}, Type.Object({ approvals: Type.Array(Type.Object(Question)) }))

/** Answers one of them. Fails with run.finished when it was answered before. */
export const ApprovalRespond = method(
  'approval/respond',
  { tool_id: ToolId, option_id: Type.String({ maxLength: 100 }) },
  Type.Object({}),
)
