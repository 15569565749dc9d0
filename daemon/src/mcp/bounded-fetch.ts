import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'

/**
 * fetch whose answers are read no faster than limits.pluginBytesPerSecondMax, and whose bodies, or single events where they are streams of events, have at most
 * limits.pluginLineBytesMax bytes. A body that has more breaks off.
 */
export async function boundedFetch(...asked: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...asked)
  if (!response.body) return response
  const isEvents = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false
  const { status, statusText, headers } = response
  const body = ReadableStream.from(readWithin(response.body, isEvents))
  return new Response(body, { status, statusText, headers })
}

async function* readWithin(body: ReadableStream<Uint8Array>, isEvents: boolean): AsyncGenerator<Uint8Array> {
  const perSecond = limits.pluginBytesPerSecondMax
  let [allowed, at, bytes] = [perSecond, performance.now(), 0]
  for await (const chunk of body) {
    const now = performance.now()
    allowed = Math.min(perSecond, allowed + ((now - at) / 1_000) * perSecond) - chunk.byteLength
    at = now
    bytes = isEvents && endsEvent(chunk) ? 0 : bytes + chunk.byteLength
    if (bytes > limits.pluginLineBytesMax) {
      throw new Failure('tool.failed', `The server's answer has more than ${limits.pluginLineBytesMax} bytes.`)
    }
    yield chunk
    if (allowed < 0) await delay((-allowed / perSecond) * 1_000, undefined, { ref: false })
  }
}

function endsEvent(chunk: Uint8Array): boolean {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return bytes.includes('\n\n') || bytes.includes('\r\n\r\n') || bytes.includes('\r\r')
}
