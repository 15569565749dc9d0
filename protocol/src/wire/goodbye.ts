import { Type } from 'typebox'
import type { Static } from 'typebox'
import { message } from './message.ts'

/** Executor -> Maestro: it leaves on purpose. */
export const Goodbye = message('goodbye', { reason: Type.String({ maxLength: 1_000 }) })
export type Goodbye = Static<typeof Goodbye.payload>

/** Maestro -> executor: this replica is leaving; dial again (any replica) after `reconnect_in_ms`. */
export const Drain = message('drain', {
  reason: Type.String({ maxLength: 1_000 }),
  reconnect_in_ms: Type.Integer({ minimum: 0, maximum: 60_000 }),
})
export type Drain = Static<typeof Drain.payload>
