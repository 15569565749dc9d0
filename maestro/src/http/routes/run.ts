import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { Failure } from '@codegen/protocol/failure'
import type { HttpPorts } from '#http/ports'
import { answers, RunAnswer, RunParams } from '#http/schemas'
import type { ListedRun } from '#runs/ports'

const schema = { summary: 'One run as it stands', params: RunParams, response: answers({ 200: RunAnswer }, 400, 404) }

/** `GET /v1/runs/:id` */
export function runRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.get<{ Params: Static<typeof RunParams> }>('/v1/runs/:id', { schema }, (request) =>
    findRun(ports, request.principal.teamId, request.params.id),
  )
}

/** The one run whose id begins so. Fails with run.unknown, or request.invalid when several do. */
export async function findRun(ports: Pick<HttpPorts, 'runs'>, teamId: string, idStart: string): Promise<ListedRun> {
  const [run, another] = await ports.runs.find({ teamId }, idStart)
  if (!run) throw new Failure('run.unknown', `There is no run ${idStart}.`)
  if (another) throw new Failure('request.invalid', `Several runs begin with ${idStart}; give more of the id.`)
  return run
}
