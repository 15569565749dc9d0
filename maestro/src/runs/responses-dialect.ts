import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { AnswerPart, Dialect, RequestHead, ShownAnswer } from './dialect.ts'

/** The Responses API: input items. Nothing is stored at the server; what the model thought goes back to it with the next request. */
export const responsesDialect: Dialect = {
  name: 'responses',
  head,
  tools: toTools,
  user: (text) => JSON.stringify({ type: 'message', role: 'user', content: text }),
  answer,
  result: (requestId, text) => JSON.stringify({ type: 'function_call_output', call_id: requestId, output: text }),
}

const toolList = Compile(
  Type.Array(
    Type.Object({
      function: Type.Object({
        name: Type.String(),
        description: Type.Optional(Type.String()),
        parameters: Type.Optional(Type.Unknown()),
      }),
    }),
  ),
)

function head({ model, toolsJson, systemPrompt, options }: RequestHead): string {
  const tools = toolsJson === '[]' ? '' : `"tools":${toolsJson},`
  return `{"model":${JSON.stringify(model)},"stream":true,"store":false,${options}"instructions":${JSON.stringify(systemPrompt)},${tools}"input":[`
}

/** Not strict: that would want every parameter to be given. */
function toTools(toolbeltJson: string): string {
  const list = toolList.Parse(JSON.parse(toolbeltJson))
  return JSON.stringify(
    list.map((tool) => {
      const { name, description, parameters } = tool.function
      return { type: 'function', name, description, parameters, strict: false }
    }),
  )
}

function answer({ content, requests, parts }: ShownAnswer): string | null {
  const known = parts ?? [
    { kind: 'text' as const, text: content },
    ...requests.map((request) => ({ kind: 'request' as const, request })),
  ]
  const items = known.slice(0, known.findLastIndex(isSaid) + 1).flatMap(toItem)
  return items.length === 0 ? null : items.join(',')
}

/** A thought that nothing came of is not taken back: the API wants what follows it. */
function isSaid(part: AnswerPart): boolean {
  return part.kind === 'request' || (part.kind === 'text' && part.text !== '')
}

function toItem(part: AnswerPart): string | [] {
  switch (part.kind) {
    case 'reasoning':
      return part.json
    case 'text': {
      if (part.text === '') return []
      const { text, phase } = part
      return JSON.stringify({ type: 'message', role: 'assistant', content: text, ...(phase ? { phase } : {}) })
    }
    case 'request': {
      const { id, name, arguments: written } = part.request
      return JSON.stringify({ type: 'function_call', call_id: id, name, arguments: written })
    }
  }
}
