import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import type { ModelBounds } from './answer.ts'
import { Breakdown } from './breakdown.ts'
import { EventResponse, eventsOf } from './event-response.ts'
import { watchOver } from './watch.ts'
import type { Watch } from './watch.ts'

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
  // Nobody may be reading when it breaks.
  answer.on('error', () => {})
  const status = answer.statusCode ?? 0
  const head = { status, headers: toHeaders(answer) }
  if (status < 200 || status >= 300) {
    throw new Breakdown({ kind: 'refused', ...head, body: await readRefusal(answer, bounds) })
  }
  const isWhole = headers['accept'] !== 'text/event-stream' || /json|html/.test(head.headers.get('content-type') ?? '')
  if (!isWhole) return new EventResponse(head, eventsOf(answer, { watch, bounds }))
  const text = await readWhole(answer, { watch, bounds })
  return new Response(text === '' ? null : text, head)
}

function toHeaders(answer: IncomingMessage): Headers {
  const headers = new Headers()
  for (const [name, values] of Object.entries(answer.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value)
  }
  return headers
}

async function readWhole(answer: IncomingMessage, of: { watch: Watch; bounds: ModelBounds }): Promise<string> {
  let body = ''
  answer.setEncoding('utf8')
  try {
    for await (const piece of answer) {
      of.watch.sign()
      body += String(piece)
      if (body.length > of.bounds.eventBytesMax) throw new Breakdown({ kind: 'garbled', what: 'an endless body' })
    }
    return body
  } catch (thrown) {
    throw thrown instanceof Breakdown ? thrown : of.watch.breakdown(thrown)
  }
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
