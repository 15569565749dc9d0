import type { Drive } from './drive.ts'
import { unshown } from './log-entry.ts'
import type { LogEntry } from './log-entry.ts'
import type { ModelAnswer, ModelFault } from './ports.ts'
import type { RequestText } from './request-text.ts'
import { takeLetters } from './take-letters.ts'

/**
 * Asks the model and stages its answer. The request leaves while its inputs are being committed; the answer counts only once they are. An end
 * that is asked for meanwhile aborts the request. False when the run is no longer this replica's.
 */
export async function askModel(drive: Drive): Promise<boolean> {
  const request = drive.transcript.toRequest()
  const committed = drive.commit()
  const answer = await askUninterrupted(drive, request)
  if (!(await committed)) return false
  // What was shown of the answer comes before the fact that closes it.
  drive.outlet.flush()
  if (answer === 'interrupted') return true
  if (answer.kind === 'fault')
    drive.fail({ status: 'failed', error: { code: answer.failure.code, message: answer.failure.message } })
  else drive.stage(answerEntries(drive, { answer, request }))
  return true
}

async function askUninterrupted(drive: Drive, request: RequestText): Promise<ModelAnswer | ModelFault | 'interrupted'> {
  const { outlet, key } = drive
  const watch = drive.stopwatch.ask(drive.run.turns + 1)
  const abort = new AbortController()
  const asking = drive.ports.model.ask(
    {
      dialect: drive.dialect.name,
      body: request.body,
      onText: (delta) => {
        watch.shown()
        outlet.delta('agent_message_delta', delta)
      },
      onReasoning: (delta) => {
        watch.shown()
        outlet.delta('reasoning_delta', delta)
      },
      onRestart: (reason) => {
        watch.restarted()
        outlet.decoration({ type: 'agent_message_restarted', payload: { generation_id: key.generationId, reason } })
      },
    },
    abort.signal,
  )
  for (;;) {
    const first = await Promise.race([asking, drive.mailbox.arrival()])
    if (first) {
      watch.ended(first)
      return first
    }
    takeLetters(drive)
    if (drive.isReleased || drive.ending) {
      abort.abort()
      await asking
      watch.ended('interrupted')
      return 'interrupted'
    }
  }
}

function answerEntries({ key, run, dialect }: Drive, of: { answer: ModelAnswer; request: RequestText }): LogEntry[] {
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
    unshown({
      type: 'usage',
      payload: {
        generation_id: key.generationId,
        turn,
        model: run.model,
        input_tokens: answer.usage.inputTokens,
        output_tokens: answer.usage.outputTokens,
        cached_tokens: answer.usage.cachedTokens,
      },
    }),
  ]
}
