import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Failure } from '@codegen/protocol/failure'
import type { ListedExecutor } from '#executors/ports'
import type { HttpPorts } from '#http/ports'
import { answers, NextCursor, PageCursor, PageLimit, toPageLimit } from '#http/schemas'

const text = Type.String()
const ExecutorAnswer = Type.Object({
  executor_id: text,
  name: text,
  version: text,
  os: text,
  arch: text,
  level: Type.Integer({ minimum: 0, maximum: 1 }),
  connected: Type.Union([Type.Boolean(), Type.Null()], { description: 'null: Redis cannot be asked right now.' }),
  replica: Type.Union([text, Type.Null()], { description: 'The Maestro that holds its connection.' }),
  tools: Type.Array(text),
  runs_open: Type.Integer({ minimum: 0 }),
  runs_queued: Type.Integer({ minimum: 0, description: 'Asked for over HTTP and not begun yet.' }),
  created_at: Type.String({ format: 'date-time' }),
  welcomed_at: Type.String({ format: 'date-time', description: 'When it was last let in.' }),
})
type ExecutorAnswer = Static<typeof ExecutorAnswer>

const Query = Type.Object(
  { limit: Type.Optional(PageLimit), cursor: Type.Optional(PageCursor) },
  { additionalProperties: false },
)
const Params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 128, pattern: '^[!-~]+$' }) })
const Answer = Type.Object({ executors: Type.Array(ExecutorAnswer), next_cursor: NextCursor })
const listSchema = {
  summary: 'Executors of the team, connected or not',
  querystring: Query,
  response: answers({ 200: Answer }, 400),
}
const oneSchema = { summary: 'One executor', params: Params, response: answers({ 200: ExecutorAnswer }, 400, 404) }

/** `GET /v1/executors` and `GET /v1/executors/:id` */
export function executorsRoutes(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Querystring: Static<typeof Query> }>('/v1/executors', { schema: listSchema }, async (request) => {
    const { teamId } = request.principal
    const { limit, cursor } = request.query
    const { executors, next } = await ports.executors.list(teamId, { limit: toPageLimit(limit), after: cursor })
    return { executors: await withPresence(ports, teamId, executors), next_cursor: next ?? null }
  })
  app.get<{ Params: Static<typeof Params> }>('/v1/executors/:id', { schema: oneSchema }, async (request) => {
    const { teamId } = request.principal
    const found = await ports.executors.find(teamId, request.params.id)
    if (!found) throw new Failure('executor.unknown', `There is no executor ${request.params.id}.`)
    const [executor] = await withPresence(ports, teamId, [found])
    return executor
  })
}

async function withPresence(
  ports: Pick<HttpPorts, 'presence'>,
  teamId: string,
  executors: readonly ListedExecutor[],
): Promise<ExecutorAnswer[]> {
  const ids = executors.map(({ executor_id }) => executor_id)
  const replicas = await ports.presence.whereAre(teamId, ids).catch(() => undefined)
  return executors.map((executor) => {
    const replica = replicas?.get(executor.executor_id) ?? null
    return { ...executor, tools: [...executor.tools], connected: replicas ? replica !== null : null, replica }
  })
}
