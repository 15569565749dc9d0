import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ClientRef, GenerationId } from '#ids'
import { message } from './message.ts'

/** Executor -> Maestro, reliable by `client_ref`: end a run. Its open calls are cancelled; it ends with status cancelled. */
export const CancelRun = message('cancel_run', {
  generation_id: GenerationId,
  client_ref: ClientRef,
  reason: Type.Optional(Type.String({ maxLength: 1_000 })),
})
export type CancelRun = Static<typeof CancelRun.payload>
