import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { answers } from '#http/schemas'

const Answer = Type.Object({ openapi: Type.String() }, { additionalProperties: true })
const schema = { summary: 'This document', response: answers({ 200: Answer }) }

/** `GET /v1/openapi.json` */
export function openApiRoute(app: FastifyInstance, describe: () => Promise<object>): void {
  let document: Promise<object> | undefined
  app.get('/v1/openapi.json', { schema }, () => {
    document ??= describe()
    return document
  })
}
