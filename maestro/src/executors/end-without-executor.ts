import type { Drive } from '#runs/drive'

/** An executor of level 0 is known by its connection only and cannot come back: its calls end here, and its run with them. */
export function endWithoutExecutor(drive: Drive): void {
  const message = 'The executor went away before its run had ended.'
  drive.fail({ status: 'failed', error: { code: 'executor.offline', message } })
  for (const toolId of drive.run.openCalls.keys()) {
    const result = { tool_id: toolId, generation_id: drive.key.generationId, status: 'interrupted', result: message }
    drive.mailbox.post({ kind: 'result', result })
  }
  drive.mailbox.post({ kind: 'look' })
}
