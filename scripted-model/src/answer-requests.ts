import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { answerChat, checkKey } from './answer-chat.ts'
import type { Exchange, Stage } from './answer-chat.ts'
import { ApiError } from './api-error.ts'
import { countAttempts } from './attempts.ts'
import { limits } from './limits.ts'
import type { RequestLog } from './request-log.ts'
import type { Scenario } from './scenario.ts'
import { toScript } from './script.ts'
import type { SeenRequest, SeenRequests } from './seen-requests.ts'

type Parts = {
  readonly scenario: Scenario
  readonly seen: SeenRequests
  readonly log: RequestLog | undefined
  readonly signal: AbortSignal
}

/** Makes the server's two routes: `GET /v1/models` and `POST /v1/chat/completions`. All else is answered as OpenAI would. */
export function answerRequests(parts: Parts): RequestListener {
  const { scenario, seen, log } = parts
  const stage: Stage = {
    models: scenario.models ?? ['scripted'],
    script: toScript(scenario),
    attempts: countAttempts(),
  }

  async function chat(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await readBody(request)
    const { authorization } = request.headers
    const bytes = Buffer.byteLength(text)
    const arrived = seen.add({ arrivedAt: now(), bytes, authorization, body: toJson(text) })
    log?.request(arrived)
    const ending = await play(request, arrived, { response, signal: leaving(response, parts.signal) })
    log?.answer({ number: arrived.number, ...ending, endedAt: now() })
  }

  async function play(request: IncomingMessage, arrived: SeenRequest, exchange: Exchange) {
    try {
      checkKey(request, scenario.api_key)
      return await answerChat(arrived, stage, exchange)
    } catch (error) {
      if (exchange.signal.aborted) return { ending: 'left' }
      return { ending: sendError(exchange.response, error) }
    }
  }

  function models(request: IncomingMessage, response: ServerResponse): void {
    checkKey(request, scenario.api_key)
    const list = stage.models.map((id) => ({ id, object: 'model', created: 0, owned_by: 'scripted-model' }))
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ object: 'list', data: list }))
  }

  return (request, response) => {
    void route(request, response).catch((error: unknown) => {
      if (!response.headersSent) sendError(response, error)
    })
  }

  async function route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    if (request.method === 'POST' && pathname === '/v1/chat/completions') return chat(request, response)
    if (request.method === 'GET' && pathname === '/v1/models') return models(request, response)
    throw new ApiError(`Unknown request: ${request.method ?? ''} ${pathname}.`, {
      status: 404,
      type: 'invalid_request_error',
    })
  }
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request) {
    if (!Buffer.isBuffer(chunk)) continue
    bytes += chunk.length
    if (bytes > limits.requestBytesMax) {
      throw new ApiError('The request is too big.', { status: 413, type: 'invalid_request_error' })
    }
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function toJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** Aborts when the client has gone or the server stops. */
function leaving(response: ServerResponse, stopping: AbortSignal): AbortSignal {
  const left = new AbortController()
  response.once('close', () => left.abort())
  return AbortSignal.any([left.signal, stopping])
}

/** Says what went wrong, unless an answer has begun: that one is cut. */
function sendError(response: ServerResponse, error: unknown): string {
  const problem =
    error instanceof ApiError
      ? error
      : new ApiError(`The scripted model failed: ${String(error)}`, { status: 500, type: 'server_error' })
  if (response.headersSent) response.destroy()
  else problem.send(response)
  return String(problem.status)
}

/** The time in milliseconds since 1970, finer than `Date.now()` and comparable between processes. */
function now(): number {
  return performance.timeOrigin + performance.now()
}
