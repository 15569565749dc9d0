import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Test } from 'tap'
import { toResponseEvents } from './test-response-events.ts'

/** What the test server was asked. */
export type Asked = { readonly path: string; readonly body: string; readonly headers: IncomingMessage['headers'] }
export type Reply = (response: ServerResponse, asked: Asked) => void

/** A model server on loopback that gives its replies in turn (the last one for ever), and a list of models. */
export async function startModelServer(t: Test, of: { replies?: Reply[]; models?: unknown }): Promise<TestModelServer> {
  const asked: Asked[] = []
  const replies = [...(of.replies ?? [])]
  let sockets = 0
  const listener: RequestListener = (request, response) => {
    text(request).then(
      (body) => {
        const one = { path: request.url ?? '', body, headers: request.headers }
        asked.push(one)
        if (one.path.endsWith('/models')) return sendModels(response, of.models)
        const reply = replies.length > 1 ? replies.shift() : replies[0]
        reply?.(response, one)
      },
      () => response.destroy(),
    )
  }
  const server = createServer(listener)
  server.on('connection', () => sockets++)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as { port: number }
  return {
    url: `http://127.0.0.1:${port}/v1`,
    asked,
    socketsOpened: () => sockets,
    closeIdle: () => server.closeIdleConnections(),
  }
}

export type TestModelServer = {
  readonly url: string
  readonly asked: Asked[]
  socketsOpened(): number
  closeIdle(): void
}

function sendModels(response: ServerResponse, models: unknown): void {
  if (Array.isArray(models)) sendJson(200, { object: 'list', data: models.map((id: unknown) => ({ id })) })(response)
  else sendJson(404, { error: { message: 'no such page' } })(response)
}

export function sendJson(
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
): (response: ServerResponse) => void {
  return (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }
}

/** Streams chunks as events: a delta each, or a whole chunk where it has choices or an error. Asked for a response, the same in its events. */
export function sendEvents(
  chunks: readonly object[],
  end: 'done' | 'cut' | 'hang' | 'close' | 'garbage' = 'done',
): Reply {
  return (response, asked) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const isResponses = asked.path.endsWith('/responses')
    for (const event of isResponses ? toResponseEvents(chunks) : chunks.map(toEvent)) response.write(event)
    if (end === 'done') response.end(isResponses ? '' : 'data: [DONE]\n\n')
    if (end === 'close') response.end()
    if (end === 'garbage') response.end('data: {"choi\n\ndata: [DONE]\n\n')
    if (end === 'cut') setImmediate(() => response.destroy())
  }
}

export function toEvent(chunk: object): string {
  const isWhole = ['choices', 'error', 'object'].some((name) => name in chunk)
  return `data: ${JSON.stringify(isWhole ? chunk : { choices: [{ index: 0, delta: chunk, finish_reason: null }] })}\n\n`
}

export function finish(reason: string, usage?: object): object {
  return { choices: [{ index: 0, delta: {}, finish_reason: reason }], ...(usage ? { usage } : {}) }
}
