import { Type } from 'typebox'
import { ClientRef, EventId, GenerationId, SessionId, Traceparent } from '#ids'
import { limits } from '#limits'
import { InputContent, InputMode } from '#wire/run-input'
import { RunLimits, RunMode } from '#wire/start-run'
import { method } from './method.ts'

const RunSummary = Type.Object({
  generation_id: Type.String(),
  session_id: Type.String(),
  status: Type.String(),
  prompt: Type.String(),
  cwd: Type.String(),
  mode: Type.String(),
  model: Type.String(),
  created_at: Type.String(),
  finished_at: Type.Union([Type.String(), Type.Null()]),
  turns: Type.Integer(),
  input_tokens: Type.Integer(),
  output_tokens: Type.Integer(),
  error: Type.Union([Type.String(), Type.Null()]),
  /** The newest event on record when this was asked. */
  last_event_id: Type.Optional(EventId),
})

/**
 * Starts a run in `cwd`, which becomes its root. Accepted, not finished, when it answers. The caller is attached to the run: `run/event`
 * and `run/finished` follow.
 */
export const RunStart = method(
  'run/start',
  {
    prompt: Type.String({ minLength: 1, maxLength: limits.promptCharactersMax }),
    cwd: Type.String({ minLength: 1, maxLength: 4096 }),
    mode: RunMode,
    session_id: Type.Optional(SessionId),
    model: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
    limits: Type.Optional(RunLimits),
    client_ref: ClientRef,
    traceparent: Type.Optional(Traceparent),
  },
  Type.Object({ generation_id: GenerationId, session_id: SessionId }),
)

/** Sends this run's events after `after` to this client, then what follows, to its end. */
export const RunAttach = method(
  'run/attach',
  { generation_id: GenerationId, after: Type.Optional(EventId) },
  Type.Object({ generation_id: GenerationId }),
)

/** Sends this run's events to this client no more. The run goes on. */
export const RunDetach = method('run/detach', { generation_id: GenerationId }, Type.Object({}))

/** The newest runs of this executor first. */
export const RunList = method(
  'run/list',
  { limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200 })) },
  Type.Object({ runs: Type.Array(RunSummary) }),
)

/** One run; an unambiguous beginning of its id will do. */
export const RunGet = method('run/get', { generation_id: GenerationId }, RunSummary)

/** Asks for the end of a run; answered when the request is on record. Fails with run.unknown or run.finished. */
export const RunCancel = method(
  'run/cancel',
  { generation_id: GenerationId, reason: Type.Optional(Type.String({ maxLength: 1_000 })) },
  Type.Object({}),
)

/**
 * Says something to an open run; answered when it is on record. The same `client_ref` again changes nothing. Fails with run.unknown, run.finished or,
 * when too much waits already, client.busy.
 */
export const RunInputMethod = method(
  'run/input',
  { generation_id: GenerationId, content: InputContent, mode: InputMode, client_ref: ClientRef },
  Type.Object({}),
)
