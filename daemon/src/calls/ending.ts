import { Failure, toFailure } from '@codegen/protocol/failure'
import type { FailureCode } from '@codegen/protocol/failure'
import type { ToolReturn } from '@codegen/kit'
import type { ToolStatus } from '@codegen/protocol/tool'
import { toToolStatus } from '@codegen/protocol/wire'
import type { ToolResult } from '@codegen/protocol/wire'
import { boundResult } from './bound-result.ts'

/** How a call ended: its one `tool_result` without the ids. */
export type Ending = Omit<ToolResult, 'tool_id' | 'generation_id' | 'status'> & { readonly status: ToolStatus }

/** An ending as whoever asked for the call is told of it. */
export type CallOutcome = Omit<ToolResult, 'generation_id' | 'status'> & {
  readonly tool_name: string
  readonly status: ToolStatus
}

export function toOutcome(toolName: string, { generation_id: _run, ...result }: ToolResult): CallOutcome {
  return { ...result, tool_name: toolName, status: toToolStatus(result.status) }
}

/** What a tool returned. */
export function toEnding(returned: ToolReturn): Ending {
  if (typeof returned === 'string') return { status: 'success', ...boundResult(returned) }
  const { text, structured, isError, truncated, bytesTotal } = returned
  const status = returned.status ?? (isError ? 'error' : 'success')
  return {
    status,
    ...boundResult(text, structured),
    ...(truncated ? { truncated } : {}),
    ...(bytesTotal === undefined ? {} : { bytes_total: bytesTotal }),
    ...(status === 'success' ? {} : { error: { code: errorCodes[status], message: firstLine(text) } }),
  }
}

/** What a tool threw. A Failure is for the model to read; anything else is tool.failed, and its stack is for our log. */
export function toFailedEnding(thrown: unknown): Ending {
  if (!(thrown instanceof Failure))
    return failed('error', 'tool.failed', 'The tool broke; the log of codegend has the details.')
  const { code, message, hint, retryable } = toFailure(thrown)
  const text = hint ? `${message}\n${hint}` : message
  const status =
    code === 'tool.timeout' ? 'timeout' : code === 'tool.denied' || code === 'run.refused' ? 'denied' : 'error'
  return { status, ...boundResult(text), error: { code, message, retryable } }
}

/** An end that codegend itself made. */
export function failed(status: ToolStatus, code: FailureCode, message: string): Ending {
  return { status, result: message, error: { code, message, retryable: false } }
}

/** Cancelled on purpose, or interrupted because codegend leaves. */
export function stoppedEnding(cancelled: AbortSignal): Ending {
  if (stoppedStatus(cancelled) === 'cancelled')
    return failed('cancelled', 'client.cancelled', 'This call was cancelled.')
  return failed(
    'interrupted',
    'client.closed',
    'codegend was stopped before this call ended; what it did so far is unknown.',
  )
}

/** The word for it. */
export function stoppedStatus({ reason }: AbortSignal): 'cancelled' | 'interrupted' {
  return reason instanceof Failure && reason.code === 'client.closed' ? 'interrupted' : 'cancelled'
}

const errorCodes: Record<Exclude<ToolStatus, 'success'>, FailureCode> = {
  error: 'tool.failed',
  cancelled: 'client.cancelled',
  denied: 'tool.denied',
  timeout: 'tool.timeout',
  interrupted: 'tool.unavailable',
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0]?.slice(0, 500) ?? ''
}
