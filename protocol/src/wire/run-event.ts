import { Type } from 'typebox'
import type { Static } from 'typebox'
import { EventId, GenerationId } from '#ids'
import { message } from './message.ts'

/** Maestro -> executor: one event of a run, a fact or a decoration (see `run-events.ts`). */
export const RunEvent = message('run_event', {
  generation_id: GenerationId,
  event_id: EventId,
  event: Type.Object({ type: Type.String(), payload: Type.Record(Type.String(), Type.Unknown()) }),
})
export type RunEvent = Static<typeof RunEvent.payload>
