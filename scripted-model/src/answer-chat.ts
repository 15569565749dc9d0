import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError, errorTypeOf } from './api-error.ts'
import type { Attempts } from './attempts.ts'
import { checkExpectations } from './check-expectations.ts'
import { checkHistory } from './check-history.ts'
import { parseChatRequest } from './chat-request.ts'
import { renderAnswer } from './render-answer.ts'
import type { Fault } from './scenario.ts'
import type { Script } from './script.ts'
import type { SeenAnswer, SeenRequest } from './seen-requests.ts'
import { sendWhole, streamAnswer } from './send-answer.ts'

/** What the answers of one server are made of. */
export type Stage = {
  readonly models: readonly string[]
  readonly script: Script
  readonly attempts: Attempts
}

/** An HTTP exchange; the signal aborts when the client has gone or the server stops. */
export type Exchange = { readonly response: ServerResponse; readonly signal: AbortSignal }

/** Plays the answer of one chat completions request. An ApiError is thrown before any byte was sent. */
export async function answerChat(
  seen: SeenRequest,
  stage: Stage,
  exchange: Exchange,
): Promise<Omit<SeenAnswer, 'endedAt'>> {
  const request = parseChatRequest(seen.body)
  if (!stage.models.includes(request.model)) throw unknownModel(request.model, stage.models)
  checkHistory(request)
  const place = stage.script.find(request.messages)
  checkExpectations(place)

  const { attempt, fault } = stage.attempts.next(place)
  const played = { number: seen.number, conversation: place.conversation, answer: place.number, attempt }
  const { response, signal } = exchange
  if (fault?.status !== undefined) {
    toApiError(fault, fault.status).send(response)
    return { ...played, ending: String(fault.status) }
  }
  if (fault?.drop) {
    response.destroy()
    return { ...played, ending: 'dropped' }
  }

  const send = request.stream ? streamAnswer : sendWhole
  const ending = await send(response, renderAnswer(place, seen.bytes), {
    id: `chatcmpl-${String(seen.number)}`,
    model: request.model,
    latencyMs: place.step.latency_ms ?? 0,
    delayMs: place.step.delay_ms ?? 0,
    includeUsage: request.stream_options?.include_usage === true,
    fault,
    signal,
  })
  return { ...played, ending }
}

/** Refuses a request that does not bring the scenario's key. */
export function checkKey({ headers }: IncomingMessage, key: string | undefined): void {
  if (key === undefined || headers.authorization === `Bearer ${key}`) return
  const details = { status: 401, type: 'authentication_error', code: 'invalid_api_key' }
  throw new ApiError('Incorrect API key provided.', details)
}

function unknownModel(model: string, models: readonly string[]): ApiError {
  const details = { status: 404, type: 'invalid_request_error', code: 'model_not_found' }
  return new ApiError(`The model '${model}' does not exist; this server has ${models.join(', ')}.`, details)
}

function toApiError({ message, retry_after }: Fault, status: number): ApiError {
  const type = errorTypeOf(status)
  const retryAfter = retry_after === undefined ? {} : { retryAfter: String(retry_after) }
  return new ApiError(message ?? `The scenario answers with ${String(status)} here.`, { status, type, ...retryAfter })
}
