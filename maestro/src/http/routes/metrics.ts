import type { FastifyInstance } from 'fastify'
import type { HttpPorts } from '#http/ports'

/** `GET /metrics`: this replica's figures for Prometheus, behind the token like all that tells of runs. */
export function metricsRoute(app: FastifyInstance, ports: Pick<HttpPorts, 'metrics'>): void {
  app.get('/metrics', async (_request, reply) => {
    const { contentType, text } = await ports.metrics()
    return reply.header('content-type', contentType).header('cache-control', 'no-store').send(text)
  })
}
