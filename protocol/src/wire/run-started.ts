import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ClientRef, GenerationId, SessionId } from '#ids'
import { message } from './message.ts'

/** Maestro -> executor: the run is on record. Repeated with `duplicate` for a repeated `start_run`. */
export const RunStarted = message('run_started', {
  client_ref: ClientRef,
  generation_id: GenerationId,
  session_id: SessionId,
  duplicate: Type.Optional(Type.Boolean()),
})
export type RunStarted = Static<typeof RunStarted.payload>
