import { fastify } from 'fastify'
import type { FastifyInstance } from 'fastify'

const description = `Runs, their events and the executors that do them. Executors themselves connect to the WebSocket /v1/executor; see docs/protocol.md.

Every answer that is no success is {"error": {"code", "message", "hint"?}}. 429 and 503 say in Retry-After when to come back.`

/**
 * Makes the OpenAPI document of an app out of the schemas its routes check with. It is made from a second app that never listens, when somebody asks for
 * it: what serves requests carries nothing of it.
 */
export async function describeApi(addRoutes: (app: FastifyInstance) => void, version: string): Promise<object> {
  const { default: swagger } = await import('@fastify/swagger')
  const app = fastify({ logger: false })
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Maestro', version, description },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  })
  await app.register((described, _options, done) => {
    addRoutes(described)
    done()
  })
  await app.ready()
  const document = app.swagger()
  await app.close()
  return document
}
