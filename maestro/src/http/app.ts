import type { Socket } from 'node:net'
import { fastify } from 'fastify'
import type { ConnectionError, FastifyInstance } from 'fastify'
import { Failure, failures, toFailure } from '@codegen/protocol/failure'
import type { Principal } from '#executors/ports'
import type { HttpPorts } from './ports.ts'
import type { Visitor } from './visitor.ts'
import { checksRoute } from '#http/routes/checks'
import { healthRoutes } from '#http/routes/health'
import { limits } from '#limits'
import { openApiRoute } from '#http/routes/openapi'
import { describeApi } from './openapi.ts'
import { answerQuestionRoute } from '#http/routes/answer-question'
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
    visitor: Visitor
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
  answerQuestionRoute,
  executorsRoutes,
] as const

/** Maestro's HTTP: all but the health routes need a token. Errors are `{error: {code, message, hint?}}`. */
export function createApp(ports: HttpPorts): FastifyInstance {
  const app = fastify({
    logger: false,
    bodyLimit: limits.http.bodyBytesMax,
    requestTimeout: limits.http.requestMsMax,
    clientErrorHandler: refuseHead,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 128 },
    // So long as a head has not come whole there is no WebSocket either.
    http: {
      headersTimeout: limits.http.headMsMax,
      connectionsCheckingInterval: 1_000,
      maxHeaderSize: limits.http.headBytesMax,
    },
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, useDefaults: false } },
  })
  app.removeContentTypeParser('text/plain')
  app.decorateRequest('principal', { getter: () => unauthenticated() })
  app.decorateRequest('visitor', { getter: () => unauthenticated() })
  app.addHook('onRequest', (request, _reply, next) => {
    ports.door.knock(request.raw)
    next()
  })
  app.setErrorHandler((thrown: unknown, _request, reply) => {
    const failure = toHttpFailure(thrown)
    if (failure.code === 'internal') ports.warn('A request failed.', thrown)
    const { code, message, hint, retryAfterMs } = failure
    if (retryAfterMs !== undefined) void reply.header('retry-after', Math.ceil(retryAfterMs / 1_000))
    void reply.status(failures[code].http).send({ error: { code, message, ...(hint ? { hint } : {}) } })
  })
  app.setNotFoundHandler((request) => {
    throw new Failure('method.unknown', `There is nothing at ${request.method} ${request.url.split('?')[0]}.`)
  })
  void app.register((guarded, _options, done) => {
    guarded.addHook('onRequest', (request, _reply, next) => {
      const visitor = ports.door.admit(request.raw)
      Object.defineProperties(request, { visitor: { value: visitor }, principal: { value: visitor.principal } })
      next()
    })
    addGuardedRoutes(guarded, ports)
    done()
  })
  void app.register((open, _options, done) => {
    healthRoutes(open, ports)
    done()
  })
  return app
}

function addGuardedRoutes(app: FastifyInstance, ports: HttpPorts): void {
  for (const route of guardedRoutes) route(app, ports)
  openApiRoute(app, () =>
    describeApi((described) => {
      healthRoutes(described, ports)
      addGuardedRoutes(described, ports)
    }, ports.version),
  )
}

/** What is no HTTP, or has a head too big or too slow: answered by hand, because there is no request yet. */
function refuseHead(error: ConnectionError, socket: Socket): void {
  const [status, message] =
    error.code === 'HPE_HEADER_OVERFLOW'
      ? [431, `The head of the request is bigger than ${limits.http.headBytesMax} bytes.`]
      : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
        ? [408, 'The request did not come whole in time.']
        : [400, 'This is not HTTP.']
  const body = JSON.stringify({ error: { code: 'request.invalid', message } })
  if (!socket.writable) return void socket.destroy()
  const head = `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`
  socket.end(`${head}\r\n\r\n${body}`)
}

function unauthenticated(): never {
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
