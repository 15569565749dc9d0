import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { answers } from '#http/schemas'
import type { HttpPorts } from '#http/ports'

const schema = {
  summary: 'The figures of this replica, for Prometheus',
  response: answers({ 200: { description: 'Figures', content: { 'text/plain': { schema: Type.String() } } } }),
}

/** `GET /metrics`: this replica's figures for Prometheus, behind the token like all that tells of runs. */
export function metricsRoute(app: FastifyInstance, ports: Pick<HttpPorts, 'metrics'>): void {
  app.get('/metrics', { schema }, async (_request, reply) => {
    const { contentType, text } = await ports.metrics()
    return reply.header('content-type', contentType).header('cache-control', 'no-store').send(text)
  })
}
