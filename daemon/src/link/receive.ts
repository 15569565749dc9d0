import type { MaestroFrame } from '@codegen/protocol/wire'
import type { Calls } from '#calls/calls'
import type { RemoteAnswers } from '#calls/remote-answers'
import type { Log } from '#log'
import type { Outbox } from './outbox.ts'
import type { RunNews } from './run-news.ts'

export type ReceiveParts = {
  readonly calls: Calls
  readonly answers: RemoteAnswers
  readonly runs: RunNews
  readonly outbox: Outbox
  readonly log: Log
  /** This server is leaving: dial again after so many milliseconds. */
  drain(reconnectInMs: number): void
}

/** What each message of Maestro sets off. The one table of them. */
export function receiveFrame(frame: MaestroFrame, { calls, answers, runs, outbox, log, drain }: ReceiveParts): void {
  switch (frame.type) {
    case 'run_tool':
      return calls.run(frame.payload)
    case 'cancel_tool':
      return calls.cancel(frame.payload)
    case 'run_started':
      return runs.started(frame.payload)
    case 'run_event':
      return runs.event(frame.payload)
    case 'run_finished':
      calls.endRun(frame.payload.generation_id)
      return runs.finished(frame.payload)
    case 'stored': {
      const { ref } = frame.payload
      outbox.stored(ref)
      if (ref.startsWith('tool_result:')) calls.stored(ref.slice('tool_result:'.length))
      return
    }
    case 'approval_answer':
      return answers.propose(frame.payload)
    case 'drain':
      return drain(frame.payload.reconnect_in_ms)
    case 'error':
      log.warn('Maestro reports an error', {
        code: frame.payload.code,
        reason: frame.payload.message,
        ref: frame.payload.ref,
      })
      return runs.refused(frame.payload)
    case 'welcome':
    case 'agent_message_delta':
      // A second welcome says nothing new, and at this level text comes as an event.
      return
  }
}
