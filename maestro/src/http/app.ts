import { fastify } from 'fastify'
import type { FastifyInstance } from 'fastify'
import { Failure, failures, toFailure } from '@codegen/protocol/failure'
import type { Principal } from '#executors/ports'
import type { HttpPorts } from './ports.ts'
import { checksRoute } from '#http/routes/checks'
import { healthRoutes } from '#http/routes/health'
import { cancelRunRoute } from '#http/routes/cancel-run'
import { executorsRoutes } from '#http/routes/executors'
import { listRunsRoute } from '#http/routes/list-runs'
import { metricsRoute } from '#http/routes/metrics'
import { runRoute } from '#http/routes/run'
import { runEventsRoute } from '#http/routes/run-events'
import { runInputRoute } from '#http/routes/run-input'
import { startRunRoute } from '#http/routes/start-run'

declare module 'fastify' {
  interface FastifyRequest {
    principal: Principal
  }
}

/** Everything that needs a token. */
const guardedRoutes = [
  metricsRoute,
  checksRoute,
  listRunsRoute,
  startRunRoute,
  runRoute,
  runEventsRoute,
  cancelRunRoute,
  runInputRoute,
  executorsRoutes,
] as const

/** Maestro's HTTP: all but the health routes need a token. Errors are `{error: {code, message, hint?}}`. */
export function createApp(ports: HttpPorts): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: 2 * 1024 * 1024,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 128 },
    // A request head that dribbles in holds a socket no longer than this; so long as it has not come whole there is no WebSocket either.
    http: { headersTimeout: 8_000, connectionsCheckingInterval: 1_000 },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  app.decorateRequest('principal', { getter: () => unauthenticated() })
  app.setErrorHandler((thrown: unknown, _request, reply) => {
    const failure = toHttpFailure(thrown)
    if (failure.code === 'internal') ports.warn('A request failed.', thrown)
    const { code, message, hint } = failure
    void reply.status(failures[code].http).send({ error: { code, message, ...(hint ? { hint } : {}) } })
  })
  app.setNotFoundHandler((request) => {
    throw new Failure('method.unknown', `There is nothing at ${request.method} ${request.url.split('?')[0]}.`)
  })
  healthRoutes(app, ports)
  void app.register((guarded, _options, done) => {
    guarded.addHook('onRequest', (request, _reply, next) => {
      const principal = ports.authenticate(request.headers.authorization)
      Object.defineProperty(request, 'principal', { value: principal })
      next()
    })
    for (const route of guardedRoutes) route(guarded, ports)
    done()
  })
  return app
}

function unauthenticated(): Principal {
  throw new TypeError('No route may ask for the principal before the token was judged.')
}

function toHttpFailure(thrown: unknown): Failure {
  if (thrown instanceof Failure || !(thrown instanceof Error)) return toFailure(thrown)
  const status = 'statusCode' in thrown ? Number(thrown.statusCode) : 500
  if (status === 413) return new Failure('message.too_big', 'The body is bigger than this takes.', { cause: thrown })
  if (status === 415)
    return new Failure('request.media_type', 'The body has to be JSON: send "Content-Type: application/json".')
  if ('validation' in thrown || status < 500) return new Failure('request.invalid', thrown.message, { cause: thrown })
  return toFailure(thrown)
}
