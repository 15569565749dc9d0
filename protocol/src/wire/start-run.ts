import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ClientRef, SessionId, Traceparent } from '#ids'
import { limits } from '#limits'
import { ProjectSpec } from './handshake.ts'
import { message } from './message.ts'

/** How far the daemon may go without asking its owner. Told to Maestro for the record only: the daemon decides by what it was told locally. */
export const RunMode = Type.Enum(['ask', 'auto', 'read-only'])
export type RunMode = Static<typeof RunMode>

/** What a run may use up before the safeguards end it. */
export const RunLimits = Type.Object({
  turns: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.turnsMax })),
  tokens: Type.Optional(Type.Integer({ minimum: 1 })),
  seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.runSecondsMax })),
})
export type RunLimits = Static<typeof RunLimits>

const withoutNul = '^[^\\u0000]+$'

/** Executor -> Maestro, reliable by `client_ref`: start a run. Answered by `run_started`, or by `run_finished` with status refused. */
export const StartRun = message('start_run', {
  client_ref: ClientRef,
  prompt: Type.String({ minLength: 1, maxLength: limits.promptCharactersMax }),
  cwd: Type.String({ minLength: 1, maxLength: 4096, pattern: withoutNul }),
  session_id: Type.Optional(SessionId),
  project_spec: Type.Optional(ProjectSpec),
  model: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: withoutNul })),
  mode: RunMode,
  limits: Type.Optional(RunLimits),
  traceparent: Type.Optional(Traceparent),
})
export type StartRun = Static<typeof StartRun.payload>
