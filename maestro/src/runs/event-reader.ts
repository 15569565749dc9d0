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
  /** Everything after the cursor is still to be published: there is nothing to look for in the log first. */
  readonly isLive?: boolean
}

type ReaderPorts = { readonly log: Pick<RunLog, 'factsAfter'>; readonly bus: EventBus }

/**
 * Reads one run for one viewer, from any cursor to its end: facts without gap, repeat or reorder, and decorations as far as they are
 * still to be had. The bus is only a hint: a fact that does not follow the last one, or silence for limits.silenceMsMax, sends the reader to the
 * log. Returns how to stop.
 */
export function readEvents(ports: ReaderPorts, reading: EventReading, sink: EventSink): () => void {
  const reader = new EventReader(ports, reading, sink)
  reader.start()
  return () => reader.stop()
}

class EventReader {
  readonly #ports: ReaderPorts
  readonly #reading: EventReading
  readonly #sink: EventSink
  #last: EventPosition
  #waiting: PublishedEvent[] = []
  #mustCatchUp: boolean
  #isBusy = false
  #isStopped = false
  #silence: NodeJS.Timeout | undefined
  #unsubscribe: (() => void) | undefined

  constructor(ports: ReaderPorts, reading: EventReading, sink: EventSink) {
    this.#ports = ports
    this.#reading = reading
    this.#sink = sink
    this.#last = reading.after
    this.#mustCatchUp = reading.isLive !== true
  }

  start(): void {
    const { key, scope } = this.#reading
    const { bus } = this.#ports
    // A bus that replays has the decorations too; the log is looked into first only where it is silent.
    if (this.#mustCatchUp && scope === 'anywhere' && bus.replays) {
      this.#mustCatchUp = false
      this.#awaitNext(limits.replayMsMax)
    }
    this.#unsubscribe = bus.subscribe(key, scope, (events) => this.#receive(events))
    if (this.#mustCatchUp || this.#reading.isLive) this.#wake()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#silence)
    this.#unsubscribe?.()
  }

  #receive(events: readonly PublishedEvent[]): void {
    if (this.#waiting.length + events.length > limits.readerEventsMax) {
      // Too far behind: what was buffered is dropped and the facts come from the log.
      this.#waiting = []
      this.#mustCatchUp = true
    } else this.#waiting.push(...events)
    this.#wake()
  }

  #wake(): void {
    if (this.#isBusy || this.#isStopped) return
    this.#passOn()
    if (this.#isStopped) return
    if (this.#mustCatchUp) this.#catchUpAndGoOn()
    else this.#awaitNext()
  }

  /** Passes on what follows, in this turn of the event loop: the usual way takes no detour. */
  #passOn(): void {
    const events = this.#waiting
    if (this.#mustCatchUp || events.length === 0) return
    this.#waiting = []
    for (const [index, event] of events.entries()) {
      if (this.#isStopped) return
      if (compareEventPositions(event.at, this.#last) <= 0) {
        // Whoever has seen the end waits for nothing.
        if (event.type === 'run_finished') return this.#end()
        continue
      }
      if (follows(event.at, this.#last)) {
        this.#emit(event)
        continue
      }
      this.#waiting = events.slice(index)
      this.#mustCatchUp = true
      return
    }
  }

  #catchUpAndGoOn(): void {
    this.#isBusy = true
    clearTimeout(this.#silence)
    this.#catchUp()
      .catch((thrown: unknown) => {
        if (!this.#isStopped) this.#sink.fail(thrown)
        this.stop()
      })
      .finally(() => {
        this.#isBusy = false
        this.#mustCatchUp = false
        this.#dropUnreachable()
        this.#wake()
      })
  }

  async #catchUp(): Promise<void> {
    for (;;) {
      const facts = await this.#ports.log.factsAfter(this.#reading.key, this.#last.position, limits.factsPageMax)
      for (const fact of facts) if (!this.#isStopped) this.#emit(fact)
      if (facts.length === 0) await this.#endIfSeen()
      if (this.#isStopped || facts.length < limits.factsPageMax) return
    }
  }

  /** What still does not follow after a look into the log is a decoration whose fact this reader was too late for: the next fact tells all. */
  #dropUnreachable(): void {
    const reachable = this.#waiting.findIndex((event) => follows(event.at, this.#last))
    this.#waiting = reachable < 0 ? [] : this.#waiting.slice(reachable)
  }

  #emit(event: PublishedEvent): void {
    this.#last = event.at
    this.#sink.event(event)
    if (event.type === 'run_finished') this.#end()
  }

  async #endIfSeen(): Promise<void> {
    const [seen] = await this.#ports.log.factsAfter(this.#reading.key, this.#last.position - 1, 1)
    if (seen?.at.position === this.#last.position && seen.type === 'run_finished') this.#end()
  }

  #end(): void {
    if (this.#isStopped) return
    this.stop()
    this.#sink.end()
  }

  #awaitNext(silenceMs: number = silenceMsOf(this.#reading)): void {
    clearTimeout(this.#silence)
    this.#silence = setTimeout(() => {
      this.#mustCatchUp = true
      this.#wake()
    }, silenceMs)
    this.#silence.unref()
  }
}

function silenceMsOf({ scope }: EventReading): number {
  return scope === 'owner' ? limits.ownSilenceMsMax : limits.silenceMsMax
}

function follows(at: EventPosition, last: EventPosition): boolean {
  return at.k === 0 ? at.position === last.position + 1 : at.position === last.position && at.k > last.k
}
