import type { MaestroFrame } from '@codegen/protocol/wire'
import { eventIdOf } from '#runs/event-outlet'
import type { PublishedEvent } from '#runs/ports'

/** Writes a frame for an executor. */
export function toFrameText(frame: MaestroFrame): string {
  return JSON.stringify(frame)
}

/** Writes an event's frame around the text it already has: it is made once, for every viewer. */
export function toRunEventText(generationId: string, event: PublishedEvent): string {
  return `{"type":"run_event","payload":{"generation_id":${JSON.stringify(generationId)},"event_id":"${eventIdOf(event)}","event":${event.text}}}`
}
