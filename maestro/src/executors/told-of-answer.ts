import type { ExecutorFrame } from '@codegen/protocol/wire'
import type { Drive } from '#runs/drive'
import { settleAnswer, showRefusal } from '#runs/propose-answers'

const prefix = 'approval_answer:'

/** Its executor has judged an answer it was proposed (`stored`), or says why it does not count (`error`). */
export function toldOfAnswer(
  drives: readonly Drive[],
  { type, payload }: Extract<ExecutorFrame, { type: 'stored' | 'error' }>,
): void {
  if (!payload.ref?.startsWith(prefix)) return
  const toolId = payload.ref.slice(prefix.length)
  const drive = drives.find(({ run }) => run.openQuestions.has(toolId))
  if (!drive) return
  if (type === 'stored') settleAnswer(drive, toolId)
  else showRefusal(drive, toolId, payload.message)
}
