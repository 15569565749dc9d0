import { toEventId } from '@codegen/protocol/ids'
import type { EventPosition } from '@codegen/protocol/ids'
import type { RunDecoration } from '@codegen/protocol/wire'
import type { SavedEntry } from './log-entry.ts'
import type { EventBus, PublishedEvent, RunKey } from './ports.ts'

/** Where a run's events leave: facts after their commit, decorations between them, all in one order and each with its id. */
export class EventOutlet {
  readonly #bus: EventBus
  readonly #key: RunKey
  #position: number
  #k: number
  #holds = 0
  #soon: NodeJS.Immediate | undefined
  #pending: RunDecoration[] = []

  /** `at`: the last event there is. */
  constructor(bus: EventBus, key: RunKey, at: EventPosition) {
    this.#bus = bus
    this.#key = key
    this.#position = at.position
    this.#k = at.k
  }

  /** The last event of the run. */
  at(): EventPosition {
    return { position: this.#position, k: this.#k }
  }

  /** Holds decorations back until the facts that are being committed are out. */
  hold(): void {
    this.#holds += 1
  }

  /** Publishes facts that are on record now, one call for each `hold`, and then what was held back for them. */
  facts(entries: readonly SavedEntry[]): void {
    const final = entries.at(-1)
    if (final) {
      this.#position = final.position
      this.#k = 0
      publishFacts(this.#bus, this.#key, entries)
    }
    this.#holds -= 1
    this.flush()
  }

  /** Shows a piece of text; pieces that came in one read leave as one. */
  delta(type: 'agent_message_delta' | 'reasoning_delta', content: string): void {
    const open = this.#pending.at(-1)
    if (open?.type === type) open.payload.content += content
    else this.#pending.push({ type, payload: { generation_id: this.#key.generationId, content } })
    this.#soon ??= setImmediate(() => this.flush())
  }

  decoration(decoration: RunDecoration): void {
    this.#pending.push(decoration)
    this.flush()
  }

  /** Drops what was held back. */
  close(): void {
    clearImmediate(this.#soon)
    this.#pending = []
  }

  /** Shows what is pending, unless it is held back. */
  flush(): void {
    clearImmediate(this.#soon)
    this.#soon = undefined
    if (this.#holds > 0 || this.#pending.length === 0) return
    const events = this.#pending.map((decoration) => {
      this.#k += 1
      return toEvent({ position: this.#position, k: this.#k }, decoration)
    })
    this.#pending = []
    this.#bus.publish(this.#key, events)
  }
}

/** Publishes facts that are on record, of a run that nobody works on and that has no decorations to hold back. */
export function publishFacts(bus: EventBus, key: RunKey, entries: readonly SavedEntry[]): void {
  bus.publish(key, entries.map(toFactEvent))
}

function toFactEvent({ position, fact }: SavedEntry): PublishedEvent {
  return toEvent({ position, k: 0 }, fact)
}

function toEvent(at: PublishedEvent['at'], frame: { type: string; payload: object }): PublishedEvent {
  return { at, type: frame.type, text: JSON.stringify({ type: frame.type, payload: frame.payload }) }
}

/** Writes an event's id. */
export function eventIdOf(event: PublishedEvent): string {
  return toEventId(event.at.position, event.at.k)
}
