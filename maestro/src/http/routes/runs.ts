import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Failure } from '@codegen/protocol/failure'
import { ClientRef } from '@codegen/protocol/ids'
import { InputContentSchema, InputModeSchema } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { refuseInput } from '#executors/run-input'
import type { HttpPorts } from '#http/ports'
import type { ListedRun } from '#runs/ports'

const ListQuery = Type.Object(
  {
    executor_id: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    limit: Type.Optional(Type.String({ pattern: '^[0-9]{1,3}$' })),
  },
  { additionalProperties: false },
)
const RunParams = Type.Object({ id: Type.String({ pattern: '^[A-Za-z0-9-]{1,128}$' }) })
const InputBody = Type.Object(
  { content: InputContentSchema, mode: Type.Optional(InputModeSchema), client_ref: Type.Optional(ClientRef) },
  { additionalProperties: false },
)
const CancelBody = Type.Union([
  Type.Null(),
  Type.Object({
    client_ref: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
    reason: Type.Optional(Type.String({ maxLength: 1_000 })),
  }),
])

/** `GET /v1/runs`, `GET /v1/runs/:id` (the beginning of an id will do) and `POST /v1/runs/:id/cancel`. */
export function runsRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>('/v1/runs', { schema: { querystring: ListQuery } }, (request) =>
    listRuns(ports, request.principal.teamId, request.query),
  )
  app.get<{ Params: Static<typeof RunParams> }>('/v1/runs/:id', { schema: { params: RunParams } }, (request) =>
    findRun(ports, request.principal.teamId, request.params.id),
  )
  app.post<{ Params: Static<typeof RunParams>; Body: Static<typeof CancelBody> }>(
    '/v1/runs/:id/cancel',
    { schema: { params: RunParams, body: CancelBody } },
    async (request, reply) => {
      const { teamId, name } = request.principal
      const { generation_id: generationId } = await findRun(ports, teamId, request.params.id)
      const { client_ref: clientRef = ports.mintId(), reason = 'cancelled over HTTP' } = request.body ?? {}
      const outcome = await ports.store.command({
        teamId,
        generationId,
        clientRef,
        type: 'cancel_run',
        reason,
        by: name,
      })
      if (outcome === 'finished') throw new Failure('run.finished', `The run ${generationId} has ended already.`)
      ports.presence.wake({ teamId, generationId })
      return reply.status(202).send({ generation_id: generationId, client_ref: clientRef })
    },
  )
}

/** `POST /v1/runs/:id/input`: 202 when the input is on record; the owner of the run, wherever it is, shows it to the model in its place. */
export function runInputRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.post<{ Params: Static<typeof RunParams>; Body: Static<typeof InputBody> }>(
    '/v1/runs/:id/input',
    { schema: { params: RunParams, body: InputBody } },
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

async function listRuns(ports: HttpPorts, teamId: string, query: Static<typeof ListQuery>): Promise<object> {
  const { executor_id, limit = '50' } = query
  const filter = { teamId, ...(executor_id === undefined ? {} : { executorId: executor_id }) }
  return { runs: await ports.runs.list(filter, Math.min(Math.max(Number(limit), 1), limits.runsPageMax)) }
}

/** The one run whose id begins so. Fails with run.unknown, or request.invalid when several do. */
export async function findRun(ports: Pick<HttpPorts, 'runs'>, teamId: string, idStart: string): Promise<ListedRun> {
  const [run, another] = await ports.runs.find({ teamId }, idStart)
  if (!run) throw new Failure('run.unknown', `There is no run ${idStart}.`)
  if (another) throw new Failure('request.invalid', `Several runs begin with ${idStart}; give more of the id.`)
  return run
}
