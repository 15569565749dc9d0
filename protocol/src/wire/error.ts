import { Type } from 'typebox'
import type { Static } from 'typebox'
import { message } from './message.ts'

/**
 * Either way: something was not taken. A fatal one is followed by the close of the socket. `epoch` comes with `executor.superseded` and names
 * the epoch to hand in next, for a daemon that missed its last `welcome`.
 */
export const WireError = message('error', {
  code: Type.String({ maxLength: 100 }),
  message: Type.String({ maxLength: 2_000 }),
  ref: Type.Optional(Type.String({ maxLength: 300 })),
  fatal: Type.Boolean(),
  retryable: Type.Boolean(),
  retry_after_ms: Type.Optional(Type.Integer({ minimum: 0 })),
  epoch: Type.Optional(Type.Integer({ minimum: 0 })),
})
export type WireError = Static<typeof WireError.payload>
