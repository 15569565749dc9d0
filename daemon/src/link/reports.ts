import type { CallReports, CallSinks } from '#calls/ports'
import type { Outbox } from './outbox.ts'

/** Sends the calls' news by way of the outbox. What has a sink goes there and nowhere else: runs at a server of level 0, and calls a person asked for. */
export function toReports(outbox: Outbox, sinks: CallSinks): CallReports {
  return {
    result(payload) {
      const sink = sinks.get(payload.generation_id)
      if (sink) sink.result(payload)
      else outbox.keep({ type: 'tool_result', payload })
    },
    output(payload) {
      const sink = sinks.get(payload.generation_id)
      if (sink) sink.output?.(payload)
      else outbox.offer({ type: 'tool_output_delta', payload })
    },
    approvalRequested(payload) {
      if (!sinks.has(payload.generation_id)) outbox.keep({ type: 'approval_requested', payload })
    },
    approvalResolved(payload) {
      if (!sinks.has(payload.generation_id)) outbox.keep({ type: 'approval_resolved', payload })
    },
  }
}
