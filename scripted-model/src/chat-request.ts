import { Type } from 'typebox'
import type { Static } from 'typebox'
import { Compile } from 'typebox/compile'
import { ApiError } from './api-error.ts'

const ToolCall = Type.Object({
  id: Type.String(),
  type: Type.Literal('function'),
  function: Type.Object({ name: Type.String(), arguments: Type.String() }),
})

const Message = Type.Object({
  role: Type.Union(['system', 'developer', 'user', 'assistant', 'tool'].map((role) => Type.Literal(role))),
  content: Type.Optional(
    Type.Union([Type.String(), Type.Null(), Type.Array(Type.Object({ text: Type.Optional(Type.String()) }))]),
  ),
  tool_calls: Type.Optional(Type.Array(ToolCall)),
  tool_call_id: Type.Optional(Type.String()),
})
export type Message = Static<typeof Message>

/** What is read of a chat completions request; all else in it is kept for `requests` and not looked at. */
export const ChatRequest = Type.Object({
  model: Type.String(),
  messages: Type.Array(Message, { minItems: 1 }),
  stream: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  stream_options: Type.Optional(
    Type.Union([Type.Null(), Type.Object({ include_usage: Type.Optional(Type.Boolean()) })]),
  ),
})
export type ChatRequest = Static<typeof ChatRequest>

const chatRequestCheck = Compile(ChatRequest)

/** Takes a body for a chat request. Fails with an ApiError 400 that names the field. */
export function parseChatRequest(body: unknown): ChatRequest {
  if (!chatRequestCheck.Check(body)) {
    const error = chatRequestCheck.Errors(body)[0]
    throw ApiError.badRequest(`Invalid request at ${error?.instancePath || '/'}: ${error?.message ?? 'unknown field'}.`)
  }
  return body
}

/** The text of a message, whichever of its two forms it has. */
export function textOf(message: Message): string {
  if (typeof message.content === 'string') return message.content
  return message.content?.map((part) => part.text ?? '').join('') ?? ''
}
