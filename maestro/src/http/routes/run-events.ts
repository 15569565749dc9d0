import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { EventPosition } from '@codegen/protocol/ids'
import { limits } from '#limits'
import { eventIdOf } from '#runs/event-outlet'
import { readEvents } from '#runs/event-reader'
import type { EventSink } from '#runs/event-reader'
import type { RunKey } from '#runs/ports'
import { readCursor } from '#runs/read-cursor'
import type { HttpPorts } from '#http/ports'
import { answers, RunParams } from '#http/schemas'
import { findRun } from './run.ts'

const EventsQuery = Type.Object(
  { after: Type.Optional(Type.String({ maxLength: 40 })) },
  { additionalProperties: false },
)

const schema = {
  summary: 'The events of a run, as they happen, to its end',
  params: RunParams,
  querystring: EventsQuery,
  headers: Type.Object({ 'last-event-id': Type.Optional(Type.String({ maxLength: 40 })) }),
  response: answers(
    { 200: { description: 'Server-sent events', content: { 'text/event-stream': { schema: Type.String() } } } },
    400,
    404,
  ),
}

/**
 * `GET /v1/runs/:id/events`: the run's events as server-sent events, from its beginning or after `Last-Event-ID` (or `?after=`), to its end, with
 * the same ids on every replica. A viewer that does not read is dropped.
 */
export function runEventsRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Params: Static<typeof RunParams>; Querystring: Static<typeof EventsQuery> }>(
    '/v1/runs/:id/events',
    { schema },
    async (request, reply) => {
      const { teamId } = request.principal
      const { generation_id: generationId } = await findRun(ports, teamId, request.params.id)
      const key = { teamId, generationId }
      const header = request.headers['last-event-id']
      const after = await readCursor(
        ports.log,
        key,
        (Array.isArray(header) ? header[0] : header) ?? request.query.after,
      )
      const leave = ports.door.seat(request.visitor, { kind: 'viewer', close: () => reply.raw.destroy() })
      reply.raw.on('close', leave)
      stream(ports, reply, { key, after })
      return reply
    },
  )
}

function stream(ports: HttpPorts, reply: FastifyReply, of: { key: RunKey; after: EventPosition }): void {
  const { raw } = reply
  reply.hijack()
  raw.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-accel-buffering': 'no',
    connection: 'keep-alive',
  })
  raw.flushHeaders()
  const keepAlive = setInterval(() => raw.write(':\n\n'), protocolLimits.heartbeatMs)
  const sink: EventSink = {
    event(event) {
      if (raw.writableLength > limits.unreadBytesMax) raw.destroy()
      else raw.write(`id: ${eventIdOf(event)}\nevent: ${event.type}\ndata: ${event.text}\n\n`)
    },
    end: () => raw.end(),
    fail(thrown) {
      ports.warn('A viewer could not be served on.', thrown)
      raw.destroy()
    },
  }
  const stop = readEvents(ports, { ...of, scope: 'anywhere' }, sink)
  raw.on('close', () => {
    clearInterval(keepAlive)
    stop()
  })
}
