import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Failure } from '@codegen/protocol/failure'
import { ClientRef, ExecutorId, SessionId } from '@codegen/protocol/ids'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { RunLimitsSchema, RunModeSchema } from '@codegen/protocol/wire'
import type { Principal, QueuedStart, QueueOutcome } from '#executors/ports'
import type { HttpPorts } from '#http/ports'
import { answers } from '#http/schemas'
import { limits } from '#limits'

const withoutNul = '^[^\\u0000]+$'
const Body = Type.Object(
  {
    executor_id: ExecutorId,
    prompt: Type.String({ minLength: 1, maxLength: protocolLimits.promptCharactersMax }),
    cwd: Type.String({
      minLength: 1,
      maxLength: 4096,
      pattern: withoutNul,
      description: 'A folder on the executor’s machine, at or below one its owner listed for such runs (remoteRoots).',
    }),
    client_ref: Type.Optional(ClientRef),
    mode: Type.Optional(RunModeSchema),
    model: Type.Optional(Type.String({ minLength: 1, maxLength: 200, pattern: withoutNul })),
    limits: Type.Optional(RunLimitsSchema),
    session_id: Type.Optional(SessionId),
  },
  { additionalProperties: false },
)
const Answer = Type.Object({
  generation_id: Type.String(),
  session_id: Type.String(),
  client_ref: Type.String(),
  duplicate: Type.Optional(Type.Boolean({ description: 'A run of this client_ref was there already.' })),
})
const schema = {
  summary: 'Start a run on an executor; it waits for one that is away',
  body: Body,
  response: answers({ 202: Answer }, 400, 404, 413, 415, 503),
}

/**
 * `POST /v1/runs`: 202 when the start is on record. Whichever replica holds the executor begins it; where none does it waits. The same `client_ref` again
 * answers with the same run.
 */
export function startRunRoute(app: FastifyInstance, ports: HttpPorts): void {
  const bodyLimit = protocolLimits.messageBytesMax
  app.post<{ Body: Static<typeof Body> }>('/v1/runs', { schema, bodyLimit }, async ({ principal, body }, reply) => {
    const start = await toStart(ports, principal, body)
    const outcome = await ports.store.queue(start)
    refuseStart(outcome, start)
    const { generationId, sessionId } = outcome.kind === 'duplicate' ? outcome : start
    ports.presence.wake({ teamId: start.teamId, generationId })
    return reply.status(202).send({
      generation_id: generationId,
      session_id: sessionId,
      client_ref: start.clientRef,
      ...(outcome.kind === 'duplicate' ? { duplicate: true } : {}),
    })
  })
}

async function toStart(ports: HttpPorts, principal: Principal, body: Static<typeof Body>): Promise<QueuedStart> {
  const { executor_id: executorId, prompt, cwd, mode = 'ask', session_id, limits: asked } = body
  const { teamId, name: by } = principal
  if (session_id !== undefined && !(await ports.store.conversation(teamId, executorId, session_id)))
    throw new Failure('run.unknown', `There is no ended run in a session ${session_id} of this executor.`)
  const model = body.model ?? (await ports.defaultModel(AbortSignal.timeout(protocolLimits.localRequestMs)))
  const ids = { teamId, generationId: ports.mintId(), sessionId: session_id ?? ports.mintId(), executorId }
  const clientRef = body.client_ref ?? ports.mintId()
  return {
    ...ids,
    clientRef,
    by,
    prompt,
    cwd,
    mode,
    model,
    limits: asked,
    isContinued: session_id !== undefined,
    length: 0,
  }
}

function refuseStart({ kind }: QueueOutcome, { executorId }: QueuedStart): void {
  if (kind === 'unknown')
    throw new Failure('executor.unknown', `There is no executor ${executorId}; GET /v1/executors lists them.`)
  if (kind === 'level')
    throw new Failure(
      'request.invalid',
      `The executor ${executorId} speaks the first protocol only: it starts its own runs.`,
    )
  if (kind === 'crowded')
    throw new Failure('run.busy', `${limits.startsWaitingMax} runs wait for the executor ${executorId} already.`)
}
