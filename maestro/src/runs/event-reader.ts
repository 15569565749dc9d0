import { compareEventPositions } from '@codegen/protocol/ids'
import type { EventPosition } from '@codegen/protocol/ids'
import { limits } from '#limits'
import type { EventBus, PublishedEvent, RunKey, RunLog } from './ports.ts'

/** Where one viewer's events go, in order, each once. */
export type EventSink = {
  event(event: PublishedEvent): void
  /** The run has ended and nothing follows. */
  end(): void
  /** The facts could not be read. */
  fail(thrown: unknown): void
}

export type EventReading = {
  readonly key: RunKey
  readonly after: EventPosition
  readonly scope: 'owner' | 'anywhere'
}

/**
 * Reads one run for one viewer, from any cursor to its end: facts without gap, repeat or reorder, and decorations as far as they are still to be
 * had. The bus is only a hint: a fact that does not follow the last one, or silence for limits.silenceMsMax, sends the reader to the log. Returns how to
 * stop.
 */
export function readEvents(ports: { log: RunLog; bus: EventBus }, reading: EventReading, sink: EventSink): () => void {
  let last = reading.after
  let waiting: PublishedEvent[] = []
  let busy = false
  let mustCatchUp = true
  let stopped = false
  let silence: NodeJS.Timeout | undefined

  const stop = (): void => {
    stopped = true
    clearTimeout(silence)
    unsubscribe()
  }
  const emit = (event: PublishedEvent): void => {
    last = event.at
    sink.event(event)
    if (event.type !== 'run_finished' || stopped) return
    stop()
    sink.end()
  }
  const catchUp = async (): Promise<void> => {
    for (;;) {
      const facts = await ports.log.factsAfter(reading.key, last.position, limits.factsPageMax)
      for (const fact of facts) if (!stopped) emit(fact)
      if (stopped || facts.length < limits.factsPageMax) return
    }
  }
  const pump = async (): Promise<void> => {
    while (!stopped && (mustCatchUp || waiting.length > 0)) {
      if (mustCatchUp) {
        mustCatchUp = false
        await catchUp()
        continue
      }
      const event = waiting.shift()
      if (!event || compareEventPositions(event.at, last) <= 0) continue
      if (follows(event.at, last)) {
        emit(event)
        continue
      }
      const seen = last.position
      await catchUp()
      // A decoration of a fact that has not been seen is dropped; a fact is read from the log at the latest after the next silence.
      if (!stopped && last.position !== seen) waiting.unshift(event)
    }
  }
  const wake = (): void => {
    if (busy || stopped) return
    busy = true
    clearTimeout(silence)
    pump()
      .catch((thrown: unknown) => {
        if (!stopped) sink.fail(thrown)
      })
      .finally(() => {
        busy = false
        if (stopped) return
        if (waiting.length > 0) return wake()
        silence = setTimeout(() => {
          mustCatchUp = true
          wake()
        }, limits.silenceMsMax)
        silence.unref()
      })
  }
  const unsubscribe = ports.bus.subscribe(reading.key, reading.scope, (events) => {
    if (waiting.length + events.length > limits.readerEventsMax) {
      // Too far behind: what was buffered is dropped and the facts come from the log.
      waiting = []
      mustCatchUp = true
    } else waiting.push(...events)
    wake()
  })
  wake()
  return stop
}

function follows(at: EventPosition, last: EventPosition): boolean {
  return at.k === 0 ? at.position === last.position + 1 : at.position === last.position
}
