import { Type } from 'typebox'
import type { Static, TProperties } from 'typebox'
import { limits } from './limits.ts'

const Count = Type.Integer({ minimum: 0 })
const Milliseconds = Type.Number({ minimum: 0, maximum: limits.waitMsMax })

/** A tool call of the model. Exactly one of `arguments` (any YAML, sent as JSON) and `raw` (sent as it is). */
export const Call = closed({
  tool: Type.String({ minLength: 1 }),
  id: Type.Optional(Type.String()),
  arguments: Type.Optional(Type.Unknown()),
  raw: Type.Optional(Type.String()),
})
export type Call = Static<typeof Call>

/** What the tool results since the model's last answer must be like; else the request is answered with 400. */
export const Expectation = closed({
  call: Type.Optional(Type.Integer({ minimum: 1 })),
  contains: Type.Optional(Type.String()),
  lacks: Type.Optional(Type.String()),
  matches: Type.Optional(Type.String()),
  results: Type.Optional(Count),
})
export type Expectation = Static<typeof Expectation>

/** What goes wrong with the first attempts at a step. Exactly one key beside `times`, `message` and `retry_after`. */
export const Fault = closed({
  status: Type.Optional(Type.Integer({ minimum: 400, maximum: 599 })),
  drop: Type.Optional(Type.Literal(true)),
  cut: Type.Optional(Count),
  end: Type.Optional(Count),
  error: Type.Optional(Count),
  garbage: Type.Optional(Count),
  stall: Type.Optional(Count),
  times: Type.Optional(Type.Integer({ minimum: 1 })),
  message: Type.Optional(Type.String()),
  retry_after: Type.Optional(Type.Union([Type.Number({ minimum: 0 }), Type.String()])),
})
export type Fault = Static<typeof Fault>

const pace = {
  latency_ms: Type.Optional(Milliseconds),
  delay_ms: Type.Optional(Milliseconds),
  delta_chars: Type.Optional(Type.Integer({ minimum: 1 })),
}

/** One answer of the model, or `loop` answers made alike. */
export const Step = closed({
  ...pace,
  reasoning: Type.Optional(Type.String()),
  text: Type.Optional(Type.String()),
  repeat: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.repeatsMax })),
  calls: Type.Optional(Type.Array(Call)),
  finish: Type.Optional(Type.String({ minLength: 1 })),
  usage: Type.Optional(closed({ input: Count, output: Count })),
  loop: Type.Optional(Type.Integer({ minimum: 1, maximum: limits.loopTurnsMax })),
  expect: Type.Optional(Type.Array(Expectation)),
  faults: Type.Optional(Type.Array(Fault)),
})
export type Step = Static<typeof Step>

const Steps = Type.Array(Step, { minItems: 1 })

/** The answers to one prompt. Without `when` it takes every prompt that no other conversation takes. */
export const Conversation = closed({
  name: Type.String({ minLength: 1 }),
  when: Type.Optional(Type.String({ minLength: 1 })),
  steps: Steps,
})
export type Conversation = Static<typeof Conversation>

/** A scenario file. Exactly one of `steps` (one conversation for every prompt) and `conversations`. */
export const Scenario = closed({
  ...pace,
  models: Type.Optional(Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })),
  api_key: Type.Optional(Type.String({ minLength: 1 })),
  steps: Type.Optional(Steps),
  conversations: Type.Optional(Type.Array(Conversation, { minItems: 1 })),
})
export type Scenario = Static<typeof Scenario>

/** An object that refuses keys it does not know: a misspelt key must not be taken for a default. */
function closed<Properties extends TProperties>(properties: Properties) {
  return Type.Object(properties, { additionalProperties: false })
}
