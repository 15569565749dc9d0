import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { ModelBounds } from './answer.ts'
import { toStream } from './body-stream.ts'
import { Breakdown } from './breakdown.ts'
import { watchOver } from './watch.ts'

type Exchange = {
  readonly request: (url: string, options: RequestOptions) => ClientRequest
  readonly agent: Agent
  readonly url: string
  readonly init: RequestInit
  readonly bounds: ModelBounds
}

/** Sends one request, its body byte for byte, and gives the answer as soon as its head is there. Rejects with a Breakdown alone. */
export async function exchange({ request, agent, url, init, bounds }: Exchange): Promise<Response> {
  const body = typeof init.body === 'string' ? init.body : ''
  const headers = Object.fromEntries(new Headers(init.headers))
  if (body !== '') headers['content-length'] = String(Buffer.byteLength(body))
  const sent = request(url, { agent, headers, method: init.method ?? 'GET' })
  const watch = watchOver(sent, bounds)
  const abort = (): void => watch.end({ kind: 'cancelled' })
  init.signal?.addEventListener('abort', abort, { once: true })
  sent.once('close', () => {
    watch.stop()
    init.signal?.removeEventListener('abort', abort)
  })
  sent.end(body)
  if (init.signal?.aborted) abort()

  const answer = await watch.head()
  const status = answer.statusCode ?? 0
  const told = toHeaders(answer)
  if (status >= 200 && status < 300) return new Response(toStream(answer, { watch, bounds }), { status, headers: told })
  throw new Breakdown({ kind: 'refused', status, headers: told, body: await readRefusal(answer, bounds) })
}

function toHeaders(answer: IncomingMessage): Headers {
  const headers = new Headers()
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  return headers
}

/** What a server says with a refusal, as much of it as comes in time. */
async function readRefusal(answer: IncomingMessage, bounds: ModelBounds): Promise<string> {
  const late = setTimeout(() => answer.destroy(), bounds.refusalMsMax)
  let body = ''
  try {
    answer.setEncoding('utf8')
    for await (const piece of answer) {
      body += String(piece)
      if (body.length > bounds.refusalBytesMax) break
    }
  } catch {
    // What is there already says more than how it ended.
  } finally {
    clearTimeout(late)
  }
  return body
}
