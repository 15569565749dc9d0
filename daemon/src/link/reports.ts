import type { CallReports } from '#calls/ports'
import type { Outbox } from './outbox.ts'
import type { SeedSinks } from './seed-runs.ts'

/** Sends the calls' news by way of the outbox. A run at a server of level 0 gets its results on its own connection, and nothing else. */
export function toReports(outbox: Outbox, sinks: SeedSinks): CallReports {
  return {
    result(payload) {
      const sink = sinks.get(payload.generation_id)
      if (sink) sink.result(payload)
      else outbox.keep({ type: 'tool_result', payload })
    },
    output(payload) {
      if (!sinks.has(payload.generation_id)) outbox.offer({ type: 'tool_output_delta', payload })
    },
    approvalRequested(payload) {
      if (!sinks.has(payload.generation_id)) outbox.keep({ type: 'approval_requested', payload })
    },
    approvalResolved(payload) {
      if (!sinks.has(payload.generation_id)) outbox.keep({ type: 'approval_resolved', payload })
    },
  }
}
