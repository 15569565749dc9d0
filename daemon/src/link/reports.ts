import type { CallReports } from '#calls/ports'
import type { Outbox } from './outbox.ts'

/** Sends the calls' news by way of the outbox. */
export function toReports(outbox: Outbox): CallReports {
  return {
    result: (payload) => void outbox.keep({ type: 'tool_result', payload }),
    output: (payload) => outbox.offer({ type: 'tool_output_delta', payload }),
    approvalRequested: (payload) => void outbox.keep({ type: 'approval_requested', payload }),
    approvalResolved: (payload) => void outbox.keep({ type: 'approval_resolved', payload }),
  }
}
