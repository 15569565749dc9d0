import type { CallToolResult } from '@modelcontextprotocol/server'
import type { Failure } from '@codegen/protocol/failure'
import type { CallStep } from './open-call.ts'
import { toResultText } from '#render/tool-call'

const nobodyAsked =
  'This call needs the consent of a person, and the MCP client cannot put questions to one (elicitation). ' +
  'Use a client that can, or start codegen mcp with --auto to allow what the policy allows.'

/** How a call ended, as MCP tells it: its text, and whether that is an error. `wasAsked` is false where nobody could be asked. */
export function toResult(end: Exclude<CallStep, { kind: 'asked' }>, wasAsked: boolean): CallToolResult {
  if (end.kind === 'refused') return toError(end.failure)
  const { status, result, error } = end.outcome
  if (status === 'success') return { content: [{ type: 'text', text: toResultText(result) }] }
  if (status === 'denied' && !wasAsked) return errorOf(nobodyAsked)
  const text = toResultText(result)
  const reason = error?.message ?? ''
  const whole = text.includes(reason) ? text : [reason, text].filter(Boolean).join('\n')
  return errorOf(whole || `The call ended as ${status}.`)
}

/** What kept a call from running. */
export function toError({ message, hint }: Failure): CallToolResult {
  return errorOf(hint === undefined ? message : `${message} ${hint}`)
}

function errorOf(text: string): CallToolResult {
  return { content: [{ type: 'text', text }], isError: true }
}
