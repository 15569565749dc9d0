import { CLIENT_CAPABILITIES_META_KEY, inputRequired, inputResponse } from '@modelcontextprotocol/server'
import type {
  CallToolRequestParams,
  CallToolResult,
  InputRequiredResult,
  McpRequestContext,
  ServerContext,
} from '@modelcontextprotocol/server'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { isObject } from '#parse-news'
import { openCall } from './open-call.ts'
import type { Answer, AskedStep, OpenCall } from './open-call.ts'
import { createProgress } from './progress.ts'
import type { McpSettings } from './settings.ts'
import type { SuspendedCalls } from './suspended-calls.ts'
import { toAnswer, toElicitation } from './to-elicitation.ts'
import { toError, toResult } from './to-result.ts'

export type CallRequest = {
  readonly parameters: CallToolRequestParams
  readonly request: ServerContext['mcpReq']
  readonly era: McpRequestContext['era']
  readonly settings: McpSettings
  readonly suspended: SuspendedCalls
}

/**
 * Answers `tools/call`: runs the tool by codegend's policy to its end and puts its questions to the client. Since 2026-07-28 a question is an answer of its
 * own, and the next request brings what a person said; before that it is a request of ours. Cancelled with the request.
 */
export async function answerCall(received: CallRequest): Promise<CallToolResult | InputRequiredResult> {
  const { parameters, request, settings, suspended } = received
  const state = request.requestState()
  const call =
    typeof state === 'string'
      ? suspended.take(state)
      : openCall({ name: parameters.name, parameters: parameters.arguments ?? {}, settings })
  if (!call) return toError(new Failure('question.closed', 'The question of this call is closed; call the tool again.'))
  const progress = createProgress(request)
  call.listen(progress.tell)
  request.signal.addEventListener('abort', call.cancel)
  if (request.signal.aborted) call.cancel()
  try {
    return await follow(call, received)
  } finally {
    await progress.sent()
    request.signal.removeEventListener('abort', call.cancel)
  }
}

async function follow(call: OpenCall, received: CallRequest): Promise<CallToolResult | InputRequiredResult> {
  const { request, era, settings, suspended } = received
  let wasAsked = true
  const given = inputResponse(request.inputResponses, answerKey)
  let answer = given.kind === 'elicit' ? toAnswer(given.action, given.content) : undefined
  for (;;) {
    const step = await call.next()
    if (step.kind !== 'asked') return toResult(step, wasAsked)
    if (answer === undefined && era === 'modern' && hasForms(request)) {
      const asking = inputRequired.elicit(toElicitation(step.question, settings.cwd))
      return inputRequired({ inputRequests: { [answerKey]: asking }, requestState: suspended.keep(call) })
    }
    answer ??= era === 'modern' ? undefined : await ask(step, received)
    wasAsked = answer !== undefined
    step.answer(answer ?? 'deny')
    answer = undefined
  }
}

const answerKey = 'answer'

/** What a person said; undefined where the client cannot put the question to one. */
async function ask({ question, signal }: AskedStep, received: CallRequest): Promise<Answer | undefined> {
  const { request, settings } = received
  try {
    const { action, content } = await request.send(
      { method: 'elicitation/create', params: toElicitation(question, settings.cwd) },
      { signal: AbortSignal.any([signal, request.signal]), timeout: limits.mcpAnswerMsMax },
    )
    return toAnswer(action, content)
  } catch (thrown) {
    // The question is void; what is answered now is not heard.
    if (signal.aborted || request.signal.aborted) return 'deny'
    settings.terminal.note(
      `the MCP client could not put a question: ${thrown instanceof Error ? thrown.message : 'no reason given'}`,
    )
    return undefined
  }
}

/** Whether a client of 2026-07-28, which says with each request what it can, puts forms to a person. */
function hasForms({ envelope }: ServerContext['mcpReq']): boolean {
  const said: Readonly<Record<string, unknown>> = { ...envelope }
  const capabilities = said[CLIENT_CAPABILITIES_META_KEY]
  const elicitation = isObject(capabilities) ? capabilities['elicitation'] : undefined
  return isObject(elicitation) && ('form' in elicitation || Object.keys(elicitation).length === 0)
}
