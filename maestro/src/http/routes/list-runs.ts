import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Failure } from '@codegen/protocol/failure'
import type { HttpPorts } from '#http/ports'
import { answers, NextCursor, PageCursor, PageLimit, RunAnswer, toPageLimit } from '#http/schemas'
import type { ListCursor } from '#runs/ports'

const id = Type.String({ minLength: 1, maxLength: 128, pattern: '^[!-~]+$' })
const Time = Type.String({ format: 'date-time' })
const Query = Type.Object(
  {
    executor_id: Type.Optional(id),
    session_id: Type.Optional(id),
    status: Type.Optional(
      Type.String({
        pattern: '^[a-z_]{1,32}(,[a-z_]{1,32}){0,15}$',
        description: 'One or several, with commas between.',
      }),
    ),
    since: Type.Optional(Time),
    until: Type.Optional(Time),
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 200,
        pattern: '^[^\\u0000]*$',
        description: 'Somewhere in the listed prompt.',
      }),
    ),
    limit: Type.Optional(PageLimit),
    cursor: Type.Optional(PageCursor),
  },
  { additionalProperties: false },
)
const Answer = Type.Object({ runs: Type.Array(RunAnswer), next_cursor: NextCursor })
const schema = { summary: 'Runs, the newest first', querystring: Query, response: answers({ 200: Answer }, 400) }

/** `GET /v1/runs` */
export function listRunsRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Querystring: Static<typeof Query> }>('/v1/runs', { schema }, async ({ principal, query }) => {
    const { executor_id: executorId, session_id: sessionId, status, since, until, text, limit, cursor } = query
    const filter = { teamId: principal.teamId, executorId, sessionId, since, until, text, statuses: status?.split(',') }
    const after = cursor === undefined ? undefined : parseCursor(cursor)
    const { runs, next } = await ports.runs.list(filter, { limit: toPageLimit(limit), after })
    return { runs, next_cursor: next ? toCursor(next) : null }
  })
}

function toCursor({ createdAt, generationId }: ListCursor): string {
  return Buffer.from(`${createdAt} ${generationId}`).toString('base64url')
}

function parseCursor(text: string): ListCursor {
  const place = /^(?<createdAt>[0-9-]{10} [0-9:.]{8,15}[+-][0-9:]{2,8}) (?<generationId>[!-~]{1,128})$/.exec(
    Buffer.from(text, 'base64url').toString('utf8'),
  )?.groups
  const { createdAt, generationId } = place ?? {}
  if (createdAt === undefined || generationId === undefined || Number.isNaN(Date.parse(createdAt)))
    throw new Failure('request.invalid', 'The cursor is none of ours; give the next_cursor of the page before.')
  return { createdAt, generationId }
}
