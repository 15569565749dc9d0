import { Type } from 'typebox'
import type { Static } from 'typebox'
import { EventId, GenerationId } from '#ids'
import { message } from './message.ts'

/** Executor -> Maestro: send this run's events after the given one, then go on. A run that has ended is sent to its end. */
export const Subscribe = message('subscribe', { generation_id: GenerationId, after: Type.Optional(EventId) })
export type Subscribe = Static<typeof Subscribe.payload>

/** Executor -> Maestro: send this run's events no more. */
export const Unsubscribe = message('unsubscribe', { generation_id: GenerationId })
export type Unsubscribe = Static<typeof Unsubscribe.payload>
