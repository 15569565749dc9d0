import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { HttpPorts } from '#http/ports'

const checkMsMax = 2_000
const status = Type.String()
const open: { security: { [name: string]: string[] }[] } = { security: [] }
const aliveSchema = { ...open, summary: 'Whether this process answers', response: { 200: Type.Object({ status }) } }
const readySchema = {
  ...open,
  summary: 'Whether what it cannot work without answers too',
  response: { 200: Type.Object({ status }), 503: Type.Object({ status, failing: Type.Array(Type.String()) }) },
}

/** `/healthz`: this process answers. `/readyz`: so do the stores it cannot work without; 503 names those that do not. */
export function healthRoutes(app: FastifyInstance, ports: Pick<HttpPorts, 'ready'>): void {
  app.get('/healthz', { schema: aliveSchema }, () => ({ status: 'ok' }))
  app.get('/readyz', { schema: readySchema }, async (_request, reply) => {
    const failing = (await Promise.all(ports.ready.map(failingName))).filter((name) => name !== undefined)
    if (failing.length === 0) return { status: 'ready' }
    return reply.status(503).send({ status: 'not ready', failing })
  })
}

async function failingName({ name, check }: HttpPorts['ready'][number]): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(name), checkMsMax)
  })
  const answer = check().then(
    () => undefined,
    () => name,
  )
  return Promise.race([answer, late]).finally(() => clearTimeout(timer))
}
