import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { ClientRef } from '@codegen/protocol/ids'
import { InputContentSchema, InputModeSchema } from '@codegen/protocol/wire'
import { refuseInput } from '#executors/run-input'
import type { HttpPorts } from '#http/ports'
import { answers, RunParams } from '#http/schemas'
import { findRun } from './run.ts'

const Body = Type.Object(
  { content: InputContentSchema, mode: Type.Optional(InputModeSchema), client_ref: Type.Optional(ClientRef) },
  { additionalProperties: false },
)
const Answer = Type.Object({ generation_id: Type.String(), client_ref: Type.String(), mode: InputModeSchema })
const schema = {
  summary: 'Say something to an open run',
  params: RunParams,
  body: Body,
  response: answers({ 202: Answer }, 400, 404, 409, 413, 415),
}

/**
 * `POST /v1/runs/:id/input`: 202 when the input is on record; the run's owner, wherever it is, shows it to the model in its place. The same `client_ref`
 * again changes nothing.
 */
export function runInputRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.post<{ Params: Static<typeof RunParams>; Body: Static<typeof Body> }>(
    '/v1/runs/:id/input',
    { schema },
    async (request, reply) => {
      const { teamId, name: by } = request.principal
      const { generation_id: generationId } = await findRun(ports, teamId, request.params.id)
      const { content, mode = 'steer', client_ref: clientRef = ports.mintId() } = request.body
      const key = { teamId, generationId }
      refuseInput(await ports.store.command({ ...key, clientRef, type: 'run_input', content, mode, by }), generationId)
      ports.presence.wake(key)
      return reply.status(202).send({ generation_id: generationId, client_ref: clientRef, mode })
    },
  )
}
