import { Type } from 'typebox'
import type { Static } from 'typebox'
import { EventId, GenerationId } from '#ids'
import { message } from './message.ts'

/** How a run ended. */
export const RunOutcome = Type.Enum(['completed', 'failed', 'cancelled', 'limit', 'refused'])
export type RunOutcome = Static<typeof RunOutcome>

/** What a run used up. */
export const RunUsage = Type.Object({
  turns: Type.Integer({ minimum: 0 }),
  input_tokens: Type.Integer({ minimum: 0 }),
  output_tokens: Type.Integer({ minimum: 0 }),
  cached_tokens: Type.Integer({ minimum: 0 }),
  /** Millionths of a US dollar, where Maestro was told the model's price. */
  cost_micros: Type.Optional(Type.Integer({ minimum: 0 })),
})
export type RunUsage = Static<typeof RunUsage>

/** Maestro -> executor, reliable by `generation_id`: the run is over; `last_event_id` is its closing fact. */
export const RunFinished = message('run_finished', {
  generation_id: GenerationId,
  client_ref: Type.Optional(Type.String()),
  status: RunOutcome,
  summary: Type.Optional(Type.String()),
  usage: Type.Optional(RunUsage),
  error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
  last_event_id: Type.Optional(EventId),
})
export type RunFinished = Static<typeof RunFinished.payload>
