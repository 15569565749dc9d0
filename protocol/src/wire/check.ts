import type { Static } from 'typebox'
import { Type } from 'typebox'

/** One thing that was looked at: whether it is as it should be, what was found, and where it is not what to do. Never holds a secret. */
export const Check = Type.Object({
  name: Type.String({ maxLength: 100 }),
  ok: Type.Boolean(),
  says: Type.String({ maxLength: 2_000 }),
  todo: Type.Optional(Type.String({ maxLength: 2_000 })),
})
export type Check = Static<typeof Check>

/** What Maestro answers at `GET /v1/checks`. */
export const Checks = Type.Object(
  { version: Type.String({ maxLength: 100 }), checks: Type.Array(Check, { maxItems: 50 }) },
  { description: 'The answer of `GET /v1/checks`: what Maestro needs, as it is now.' },
)
