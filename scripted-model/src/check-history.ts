import { ApiError } from './api-error.ts'
import type { ChatRequest } from './chat-request.ts'

/**
 * Refuses a history that OpenAI would refuse: a tool call without its result right after it, a result of a call that was not made. Throws an
 * ApiError 400.
 */
export function checkHistory({ messages }: ChatRequest): void {
  let asked = new Set<string>()
  let open = new Set<string>()
  for (const [index, message] of messages.entries()) {
    const at = `messages[${String(index)}]`
    if (message.role === 'tool') {
      const id = message.tool_call_id ?? ''
      if (!asked.has(id)) {
        throw ApiError.badRequest(
          `${at}: a tool message must answer a call of the assistant message before it; no call "${id}".`,
        )
      }
      open.delete(id)
      continue
    }
    refuseOpenCalls(open, at)
    asked = new Set(message.role === 'assistant' ? message.tool_calls?.map(({ id }) => id) : [])
    open = new Set(asked)
    if (message.role === 'assistant' && asked.size === 0 && (message.content ?? null) === null) {
      throw ApiError.badRequest(`${at}: an assistant message needs content or tool_calls.`)
    }
  }
  refuseOpenCalls(open, 'messages')
}

function refuseOpenCalls(open: ReadonlySet<string>, at: string): void {
  if (open.size === 0) return
  const ids = [...open].join(', ')
  throw ApiError.badRequest(
    `${at}: an assistant message with tool_calls must be followed by a tool message for each; missing: ${ids}.`,
  )
}
