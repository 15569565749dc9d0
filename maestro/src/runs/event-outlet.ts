import { toEventId } from '@codegen/protocol/ids'
import type { RunDecoration } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { SavedEntry } from './log-entry.ts'
import type { EventBus, PublishedEvent, RunKey } from './ports.ts'

/** Where a run's events leave: facts after their commit, decorations between them, all in one order and each with its id. */
export type EventOutlet = {
  /** Holds decorations back until the facts that are being committed are out. */
  hold(): void
  /** Publishes facts that are on record now, and what was held back for them. */
  facts(entries: readonly SavedEntry[]): void
  /** Shows a piece of text; pieces that come close together leave as one. */
  delta(type: 'agent_message_delta' | 'reasoning_delta', content: string): void
  decoration(decoration: RunDecoration): void
  /** Drops what was held back and shows nothing more. */
  close(): void
}

export function createEventOutlet(bus: EventBus, key: RunKey, position: number): EventOutlet {
  const generation_id = key.generationId
  let last = position
  let k = 0
  let holds = 0
  let timer: NodeJS.Timeout | undefined
  let pending: RunDecoration[] = []

  const flush = (): void => {
    clearTimeout(timer)
    timer = undefined
    if (holds > 0 || pending.length === 0) return
    const events = pending.map((decoration) => toEvent(last, (k += 1), decoration))
    pending = []
    bus.publish(key, events)
  }
  const flushSoon = (): void => {
    timer ??= setTimeout(flush, limits.deltaCoalesceMs)
  }

  return {
    hold() {
      holds += 1
    },
    facts(entries) {
      holds -= 1
      // What was shown before these facts belongs before them.
      if (holds === 0) flush()
      const final = entries.at(-1)
      if (!final) return
      last = final.position
      k = 0
      bus.publish(
        key,
        entries.map((entry) => toEvent(entry.position, 0, entry.fact)),
      )
    },
    delta(type, content) {
      const open = pending.at(-1)
      if (open?.type === type) open.payload.content += content
      else pending.push({ type, payload: { generation_id, content } })
      flushSoon()
    },
    decoration(decoration) {
      pending.push(decoration)
      flush()
    },
    close() {
      clearTimeout(timer)
      pending = []
    },
  }
}

function toEvent(position: number, k: number, frame: { type: string; payload: object }): PublishedEvent {
  return { at: { position, k }, type: frame.type, text: JSON.stringify({ type: frame.type, payload: frame.payload }) }
}

/** Writes an event's id. */
export function eventIdOf(event: PublishedEvent): string {
  return toEventId(event.at.position, event.at.k)
}
