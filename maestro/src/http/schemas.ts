import { Type } from 'typebox'
import type { TSchema } from 'typebox'
import { RunModeSchema } from '@codegen/protocol/wire'
import { limits } from '#limits'

// What the HTTP interface takes and answers in more than one place. OpenAPI is made from these.

const orNull = (schema: TSchema) => Type.Union([schema, Type.Null()])
const text = Type.String()
const count = Type.Integer({ minimum: 0 })
const Time = Type.String({ format: 'date-time' })

/** Every answer that is no success. */
const ErrorAnswer = Type.Object({
  error: Type.Object({ code: text, message: text, hint: Type.Optional(text) }),
})

/** A run as it stands. */
export const RunAnswer = Type.Object({
  generation_id: text,
  session_id: text,
  executor_id: text,
  status: Type.String({
    description:
      'queued, running, waiting_tool, waiting_approval, waiting_executor; or how it ended: completed, failed, cancelled, limit, refused',
  }),
  prompt: Type.String({ description: 'Its first 500 characters, on one line.' }),
  cwd: text,
  mode: RunModeSchema,
  model: text,
  created_at: Time,
  finished_at: orNull(Time),
  turns: count,
  input_tokens: count,
  output_tokens: count,
  error: orNull(text),
  last_event_id: text,
})

export const RunParams = Type.Object({
  id: Type.String({
    pattern: '^[A-Za-z0-9-]{1,128}$',
    description: 'A generation_id, or an unambiguous beginning of one.',
  }),
})

/** How many of a list to show. It is a text because a query has nothing else. */
export const PageLimit = Type.String({
  pattern: '^[0-9]{1,3}$',
  description: `1 to ${limits.runsPageMax}; 50 by default.`,
})
export const PageCursor = Type.String({ maxLength: 400, description: '`next_cursor` of the page before.' })
/** `next_cursor` of a page: null on the last one. */
export const NextCursor = orNull(text)

/** What a page's `limit` comes to. */
export function toPageLimit(asked = '50'): number {
  return Math.min(Math.max(Number(asked), 1), limits.runsPageMax)
}

type ErrorStatus = 400 | 403 | 404 | 409 | 413 | 415 | 502 | 503

/** The answers of a route behind the token: its own, those of every such route, and the errors named. */
export function answers(own: Record<number, TSchema>, ...errors: ErrorStatus[]): Record<number, TSchema> {
  const all: Record<number, TSchema> = { ...own }
  for (const status of [401, 421, 429, ...errors]) all[status] = ErrorAnswer
  return all
}
