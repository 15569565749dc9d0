import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Failure } from '@codegen/protocol/failure'
import { ClientRef, ToolId } from '@codegen/protocol/ids'
import type { AnswerCommand, AnswerOutcome } from '#executors/ports'
import type { HttpPorts } from '#http/ports'
import { answers, RunParams } from '#http/schemas'
import { limits } from '#limits'
import { findRun } from './run.ts'

const Params = Type.Object({ ...RunParams.properties, tool_id: ToolId })
const Body = Type.Object(
  {
    option_id: Type.String({ minLength: 1, maxLength: 100, description: 'One of the options of the question.' }),
    client_ref: Type.Optional(ClientRef),
  },
  { additionalProperties: false },
)
const Answer = Type.Object({
  generation_id: Type.String(),
  tool_id: Type.String(),
  option_id: Type.String(),
  client_ref: Type.String(),
  note: Type.String({ description: 'What becomes of it, in a sentence.' }),
})
const schema = {
  summary: 'Answer the question of a call; the owner of the machine decides whether it counts',
  params: Params,
  body: Body,
  response: answers({ 202: Answer }, 400, 404, 409, 413, 415),
}
const note =
  "This is a proposal: the machine's owner decides. In the run's events approval_resolved says that it was taken, answer_refused why it was not."

/**
 * `POST /v1/runs/:id/approvals/:tool_id`: 202 when the answer is on record; the run's owner, wherever it is, proposes it to the executor. The same
 * `client_ref` again changes nothing.
 */
export function answerQuestionRoute(app: FastifyInstance, ports: HttpPorts): void {
  app.post<{ Params: Static<typeof Params>; Body: Static<typeof Body> }>(
    '/v1/runs/:id/approvals/:tool_id',
    { schema },
    async ({ principal, params, body }, reply) => {
      const { teamId, name: by } = principal
      const { generation_id: generationId } = await findRun(ports, teamId, params.id)
      const { option_id: optionId, client_ref: clientRef = ports.mintId() } = body
      const key = { teamId, generationId }
      const answer: AnswerCommand = { ...key, clientRef, type: 'approval_answer', toolId: params.tool_id, optionId, by }
      refuseAnswer(await ports.store.answer(answer), answer)
      ports.presence.wake(key)
      return reply.status(202).send({
        generation_id: generationId,
        tool_id: params.tool_id,
        option_id: optionId,
        client_ref: clientRef,
        note,
      })
    },
  )
}

function refuseAnswer(outcome: AnswerOutcome, { generationId, toolId, optionId }: AnswerCommand): void {
  switch (outcome.kind) {
    case 'written':
      return
    case 'unknown':
      throw new Failure('run.unknown', `There is no run ${generationId}.`)
    case 'finished':
      throw new Failure('run.finished', `The run ${generationId} has ended already.`)
    case 'closed':
      throw new Failure('question.closed', `The run ${generationId} has no open question of a call ${toolId}.`)
    case 'no-option':
      throw new Failure(
        'request.invalid',
        `The question has no answer "${optionId}"; it takes ${outcome.optionIds.join(', ')}.`,
      )
    case 'crowded':
      throw new Failure('run.busy', `${limits.answersWaitingMax} answers wait for the run ${generationId} already.`)
  }
}
