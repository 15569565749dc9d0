import { reach } from '#crash-points'
import { askUninterrupted } from './ask-uninterrupted.ts'
import { compact } from './compact.ts'
import { isFull } from './compaction-plan.ts'
import type { Drive } from './drive.ts'
import type { LogEntry } from './log-entry.ts'
import type { ModelAnswer, ModelRequest } from './ports.ts'
import type { RequestText } from './request-text.ts'
import { takeTools } from './take-tools.ts'
import { toUsage } from './usage-entry.ts'

/**
 * Asks the model, with the tools its executor has now, and stages its answer; where the request would leave no room for one, or is refused as too long, the run's older part is summed up
 * instead. The request leaves while its inputs are being committed; the answer counts only once they are. An end that is asked for meanwhile aborts the
 * request. False when the run is no longer this replica's.
 */
export async function askModel(drive: Drive): Promise<boolean> {
  takeTools(drive)
  if (isFull(drive)) return compact(drive, 'full')
  const request = drive.transcript.toRequest()
  const committed = drive.commit()
  const answer = await askUninterrupted(drive, toModelRequest(drive, request))
  if (!(await committed)) return false
  // What was shown of the answer comes before the fact that closes it.
  drive.outlet.flush()
  if (answer === 'interrupted') return true
  if (answer.kind === 'answer') {
    reach('answered')
    drive.stage(answerEntries(drive, { answer, request }))
    return true
  }
  const { code, message } = answer.failure
  if (code === 'model.context_full') return compact(drive, 'refused')
  drive.fail({ status: 'failed', error: { code, message } })
  return true
}

function toModelRequest({ outlet, key, dialect }: Drive, { body }: RequestText): ModelRequest {
  return {
    dialect: dialect.name,
    body,
    onText: (delta) => outlet.delta('agent_message_delta', delta),
    onReasoning: (delta) => outlet.delta('reasoning_delta', delta),
    onRestart: (reason) =>
      outlet.decoration({ type: 'agent_message_restarted', payload: { generation_id: key.generationId, reason } }),
  }
}

function answerEntries(drive: Drive, of: { answer: ModelAnswer; request: RequestText }): LogEntry[] {
  const { key, run, dialect } = drive
  const { answer } = of
  const turn = run.turns + 1
  const requests = answer.requests.map(({ id, name, arguments: text }) => ({ id, name, arguments: text }))
  return [
    {
      fact: {
        type: 'agent_message',
        payload: {
          generation_id: key.generationId,
          turn,
          content: answer.content,
          finish_reason: answer.finishReason,
          requests,
        },
      },
      shown: dialect.answer(answer),
      internal: { request_digest: of.request.digest },
    },
    toUsage(drive, { turn, usage: answer.usage }),
  ]
}
