import type { IncomingMessage } from 'node:http'
import type { ModelBounds } from './answer.ts'
import { Breakdown } from './breakdown.ts'
import type { Watch } from './watch.ts'

/** Bytes that may wait for their reader before the server is made to wait. */
const readAheadBytesMax = 256 * 1024

/**
 * The body of an answer as a stream. A stream of events is over at its `[DONE]`, whatever the server still does with the connection; without
 * one its end is a Breakdown, and so are silence and an event that never ends.
 */
export function toStream(
  answer: IncomingMessage,
  of: { watch: Watch; bounds: ModelBounds },
): ReadableStream<Uint8Array> {
  const { watch, bounds } = of
  const isEvents = answer.headers['content-type']?.includes('text/event-stream') ?? false
  const track = trackEvents(isEvents)
  let isOver = false
  let failure: Breakdown | undefined
  // To fail throws away what was not read yet; that may hold the last word of the answer.
  const failWhenRead = (controller: ReadableStreamDefaultController): void => {
    if (failure && controller.desiredSize === readAheadBytesMax) controller.error(failure)
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const fail = (breakdown: Breakdown): void => {
          if (isOver) return
          isOver = true
          failure = breakdown
          failWhenRead(controller)
        }
        const close = (): void => {
          if (!isOver) controller.close()
          isOver = true
        }
        answer.on('data', (bytes: Buffer) => {
          if (isOver) return
          watch.sign()
          controller.enqueue(bytes)
          const seen = track(bytes)
          if (seen.isDone) {
            close()
            // Read on to its end, so that the connection can serve the next request.
            watch.finish(bounds.finishMsMax)
          } else if (seen.openBytes > bounds.eventBytesMax) {
            fail(new Breakdown({ kind: 'garbled', what: 'an endless event' }))
            answer.destroy()
          } else if ((controller.desiredSize ?? 0) <= 0) answer.pause()
        })
        answer.on('end', () => (isEvents ? fail(new Breakdown({ kind: 'cut', wasIdle: false })) : close()))
        answer.on('error', (error) => fail(watch.breakdown(error)))
        answer.on('close', () => fail(new Breakdown({ kind: 'cut', wasIdle: false })))
      },
      pull(controller) {
        failWhenRead(controller)
        answer.resume()
      },
      cancel() {
        isOver = true
        answer.destroy()
      },
    },
    new ByteLengthQueuingStrategy({ highWaterMark: readAheadBytesMax }),
  )
}

/** Follows the borders of events without reading them. */
function trackEvents(isEvents: boolean): (bytes: Buffer) => { isDone: boolean; openBytes: number } {
  let tail = ''
  let openBytes = 0
  return (bytes) => {
    if (!isEvents) return { isDone: false, openBytes: (openBytes += bytes.length) }
    const border = Math.max(bytes.lastIndexOf('\n\n'), bytes.lastIndexOf('\r\n\r\n'))
    openBytes = border < 0 ? openBytes + bytes.length : bytes.length - border
    tail = `${tail}${bytes.toString('latin1', Math.max(0, bytes.length - 32))}`.slice(-32)
    return { isDone: /[\r\n]data: ?\[DONE\]\s*$/.test(tail), openBytes }
  }
}
