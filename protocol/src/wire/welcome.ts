import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ClientRef, ExecutorId, GenerationId, SessionId } from '#ids'
import { message } from './message.ts'

/** Maestro -> executor: the answer to a level-1 handshake. From here on this connection owns the executor's runs. */
export const Welcome = message('welcome', {
  protocol: Type.Integer({ minimum: 1 }),
  executor_id: ExecutorId,
  epoch: Type.Integer({ minimum: 1 }),
  server: Type.Object({ name: Type.String(), version: Type.String() }),
  heartbeat_ms: Type.Integer({ minimum: 1 }),
  /** What may be sent to it beyond the first release. */
  features: Type.Optional(Type.Array(Type.String({ maxLength: 100 }), { maxItems: 100 })),
  limits: Type.Object({ max_message_bytes: Type.Integer({ minimum: 1024 }) }),
  runs: Type.Array(
    Type.Object({
      generation_id: GenerationId,
      session_id: SessionId,
      status: Type.String(),
      client_ref: Type.Optional(ClientRef),
    }),
  ),
})
export type Welcome = Static<typeof Welcome.payload>
