import type { Dialect, RequestHead, ShownAnswer } from './dialect.ts'

/** Chat completions: messages, the system prompt first among them. */
export const chatDialect: Dialect = {
  name: 'chat',
  head,
  tools: (toolbeltJson) => toolbeltJson,
  user: (text) => JSON.stringify({ role: 'user', content: text }),
  answer,
  result: (requestId, text) => JSON.stringify({ role: 'tool', tool_call_id: requestId, content: text }),
}

function head({ model, toolsJson, systemPrompt, options }: RequestHead): string {
  const tools = toolsJson === '[]' ? '' : `"tools":${toolsJson},`
  const system = JSON.stringify({ role: 'system', content: systemPrompt })
  return `{"model":${JSON.stringify(model)},"stream":true,"stream_options":{"include_usage":true},${options}${tools}"messages":[${system}`
}

function answer({ content, requests, parts }: ShownAnswer): string | null {
  if (content === '' && requests.length === 0) return null
  const thought = parts?.find((part) => part.kind === 'reasoning')
  const reasoning = thought ? `,"reasoning_content":${thought.json}` : ''
  if (requests.length === 0) return `${JSON.stringify({ role: 'assistant', content }).slice(0, -1)}${reasoning}}`
  const message = JSON.stringify({
    role: 'assistant',
    content: content === '' ? null : content,
    tool_calls: requests.map((request) => ({
      id: request.id,
      type: 'function',
      function: { name: request.name, arguments: request.arguments },
    })),
  })
  return `${message.slice(0, -1)}${reasoning}}`
}
