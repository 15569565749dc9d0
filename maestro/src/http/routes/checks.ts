import type { FastifyInstance } from 'fastify'
import { Failure, toFailure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import { ChecksSchema } from '@codegen/protocol/wire'
import type { Check } from '@codegen/protocol/wire'
import { answers } from '#http/schemas'
import type { HttpPorts, Look } from '#http/ports'

const schema = { summary: 'What this replica needs, looked at now', response: answers({ 200: ChecksSchema }) }

/** `GET /v1/checks`: what this replica needs, looked at now, side by side: its model, Postgres, Redis. Answers 200 whatever was found. */
export function checksRoute(app: FastifyInstance, { looks, version }: Pick<HttpPorts, 'looks' | 'version'>): void {
  app.get('/v1/checks', { schema }, async () => ({ version, checks: await Promise.all(looks.map(toCheck)) }))
}

async function toCheck({ name, look }: Look): Promise<Check> {
  const late = AbortSignal.timeout(limits.checkMsMax)
  const tooLate = new Promise<never>((_, reject) => {
    late.addEventListener('abort', () => reject(new Failure('client.timeout', notInTime)), { once: true })
  })
  try {
    return { name, ok: true, says: (await Promise.race([look(late), tooLate])).slice(0, wordsMax) }
  } catch (thrown) {
    const { message, hint } = toFailure(thrown)
    return { name, ok: false, says: message.slice(0, wordsMax), ...(hint ? { todo: hint.slice(0, wordsMax) } : {}) }
  }
}

const wordsMax = 2_000
const notInTime = `It did not answer within ${limits.checkMsMax / 1_000} s; see whether it is overloaded or the network is.`
