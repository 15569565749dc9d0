import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Failure } from '@codegen/protocol/failure'
import { ClientRef } from '@codegen/protocol/ids'
import { endQueuedRun } from '#executors/end-queued-run'
import type { HttpPorts } from '#http/ports'
import { answers, RunParams } from '#http/schemas'
import type { RunKey } from '#runs/ports'
import { findRun } from './run.ts'

const Body = Type.Union([
  Type.Null(),
  Type.Object(
    { client_ref: Type.Optional(ClientRef), reason: Type.Optional(Type.String({ maxLength: 1_000 })) },
    { additionalProperties: false },
  ),
])
const Answer = Type.Object({ generation_id: Type.String(), client_ref: Type.String() })
const schema = {
  summary: 'Ask for the end of a run',
  params: RunParams,
  body: Body,
  response: answers({ 202: Answer }, 400, 404, 409, 413, 415),
}

/** `POST /v1/runs/:id/cancel`: 202 when the wish is on record. A run that nobody has begun yet ends at once. */
export function cancelRunRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.post<{ Params: Static<typeof RunParams>; Body: Static<typeof Body> }>(
    '/v1/runs/:id/cancel',
    { schema },
    async (request, reply) => {
      const { teamId, name: by } = request.principal
      const { generation_id: generationId } = await findRun(ports, teamId, request.params.id)
      const { client_ref: clientRef = ports.mintId(), reason = 'cancelled over HTTP' } = request.body ?? {}
      const key = { teamId, generationId }
      if (!(await cancelQueued(ports, key, { reason, by }))) {
        const outcome = await ports.store.command({ ...key, clientRef, type: 'cancel_run', reason, by })
        if (outcome === 'finished') throw new Failure('run.finished', `The run ${generationId} has ended already.`)
        ports.presence.wake(key)
      }
      return reply.status(202).send({ generation_id: generationId, client_ref: clientRef })
    },
  )
}

async function cancelQueued(ports: HttpPorts, key: RunKey, of: { reason: string; by: string }): Promise<boolean> {
  const queued = await ports.store.queuedStart(key)
  if (!queued) return false
  const ending = { status: 'cancelled', error: { code: 'client.cancelled', message: of.reason } } as const
  return endQueuedRun(ports, queued, { ending, by: of.by })
}
