import type { IncomingMessage } from 'node:http'
import type { ModelBounds } from './answer.ts'
import { Breakdown } from './breakdown.ts'
import { createEventParser } from './event-parser.ts'
import type { EventParser, EventState } from './event-parser.ts'
import { createPace } from './pace.ts'
import type { Watch } from './watch.ts'

/** Reads the data of each event until `[DONE]` or until `onData` wants no more. Rejects with a Breakdown, or with what `onData` throws. */
export type ReadEvents = (onData: (data: string) => EventState) => Promise<void>

/** A streamed answer as the `openai` client hands it on. It has no body: its events are read straight from the connection. */
export class EventResponse extends Response {
  readonly read: ReadEvents

  constructor(head: ResponseInit, read: ReadEvents) {
    super(null, head)
    this.read = read
  }
}

/** Reads events as they come in, each at once. After `[DONE]` the stream is over, whatever the server still does with the connection. */
export function eventsOf(answer: IncomingMessage, of: { watch: Watch; bounds: ModelBounds }): ReadEvents {
  const { watch, bounds } = of
  return async (onData) => {
    const parser = createEventParser(onData, bounds.eventBytesMax)
    const pace = createPace(answer.socket, bounds)
    answer.setEncoding('utf8')
    const state = await new Promise<EventState>((resolve, reject) => {
      let isOver = false
      const take = (step: (parser: EventParser) => EventState): void => {
        if (isOver) return
        try {
          const next = step(parser)
          isOver = next !== 'more'
          if (isOver) resolve(next)
        } catch (thrown) {
          isOver = true
          reject(thrown)
        }
        if (isOver) answer.off('data', onText)
      }
      const onText = (text: string): void => {
        watch.sign()
        pace.sign()
        take(({ feed }) => feed(text))
      }
      const cut = (): void => reject(watch.breakdown(new Breakdown({ kind: 'cut', wasIdle: false })))
      answer.on('data', onText)
      answer.once('end', () => {
        take(({ end }) => end())
        cut()
      })
      answer.once('error', (error) => reject(watch.breakdown(error)))
      answer.once('close', cut)
    })
      .catch((thrown: unknown) => {
        answer.destroy()
        throw thrown
      })
      .finally(pace.end)
    if (state === 'enough') answer.destroy()
    // Read on to its end, so that the connection can serve the next request.
    if (state === 'done' && !answer.readableEnded) {
      watch.finish(bounds.finishMsMax)
      answer.resume()
    }
  }
}
