import type { ToolRequest } from './tool-request.ts'

/** How each entry is put to the model: chat messages as JSON text, rendered once when the entry is saved. */

export function shownSystem(text: string): string {
  return JSON.stringify({ role: 'system', content: text })
}

export function shownUser(text: string): string {
  return JSON.stringify({ role: 'user', content: text })
}

/** An answer with what it asked for; arguments are repeated as the model wrote them. */
export function shownAnswer(content: string, requests: readonly ToolRequest[]): string {
  if (requests.length === 0) return JSON.stringify({ role: 'assistant', content })
  return JSON.stringify({
    role: 'assistant',
    content: content === '' ? null : content,
    tool_calls: requests.map((request) => ({
      id: request.id,
      type: 'function',
      function: { name: request.name, arguments: request.arguments },
    })),
  })
}

export function shownResult(requestId: string, text: string): string {
  return JSON.stringify({ role: 'tool', tool_call_id: requestId, content: text })
}
