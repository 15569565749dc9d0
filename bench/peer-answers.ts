import type { ServerResponse } from 'node:http'
import type { PeerTool } from '#peer-tools'

/** What the model says next. */
export type PeerAnswer =
  | { readonly kind: 'text'; readonly words: readonly string[] }
  | { readonly kind: 'call'; readonly id: string; readonly tool: PeerTool; readonly arguments: string }

const streamHead = { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' }

/** Sends an answer as a chat completion, streamed when that was asked for. */
export function sendChat(response: ServerResponse, body: unknown, answer: PeerAnswer): void {
  const { stream, model } = Object(body)
  const isCall = answer.kind === 'call'
  const finish = isCall ? 'tool_calls' : 'stop'
  const usage = { prompt_tokens: 1000, completion_tokens: 20, total_tokens: 1020 }
  const base = { id: 'chatcmpl-1', created: Math.floor(Date.now() / 1000), model }
  if (!stream) {
    const content = isCall ? null : answer.words.join('')
    const message = { role: 'assistant', content, ...(isCall ? { tool_calls: [toChatCall(answer)] } : {}) }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({
        ...base,
        object: 'chat.completion',
        choices: [{ index: 0, finish_reason: finish, message }],
        usage,
      }),
    )
    return
  }
  const write = (delta: object, finish_reason: string | null = null): void => {
    const choices = [{ index: 0, delta, finish_reason }]
    response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', choices })}\n\n`)
  }
  response.writeHead(200, streamHead)
  write({ role: 'assistant', content: '' })
  if (isCall) write({ tool_calls: [{ index: 0, ...toChatCall(answer) }] })
  else for (const content of answer.words) write({ content })
  write({}, finish)
  const last = { ...base, object: 'chat.completion.chunk', choices: [], usage }
  response.end(`data: ${JSON.stringify(last)}\n\ndata: [DONE]\n\n`)
}

function toChatCall(answer: Extract<PeerAnswer, { kind: 'call' }>) {
  return { id: answer.id, type: 'function', function: { name: answer.tool.name, arguments: answer.arguments } }
}

/** Sends an answer as the Responses API streams it; agents that use it always stream. */
export function sendResponse(response: ServerResponse, body: unknown, answer: PeerAnswer): void {
  const { model } = Object(body)
  const base = { id: 'resp_1', object: 'response', created_at: Math.floor(Date.now() / 1000), model, error: null }
  const usage = {
    input_tokens: 1000,
    input_tokens_details: { cached_tokens: 0 },
    output_tokens: 20,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: 1020,
  }
  let sequence = 0
  const write = (type: string, rest: object): void => {
    const event = { type, sequence_number: sequence, ...rest }
    sequence += 1
    response.write(`event: ${type}\ndata: ${JSON.stringify(event)}\n\n`)
  }
  const item = toItem(answer)
  const at = { item_id: item.id, output_index: 0, content_index: 0 }
  response.writeHead(200, streamHead)
  write('response.created', { response: { ...base, status: 'in_progress', output: [] } })
  write('response.output_item.added', { output_index: 0, item: { ...item, ...emptied(answer), status: 'in_progress' } })
  if (answer.kind === 'call') write('response.function_call_arguments.done', { ...at, arguments: answer.arguments })
  else {
    write('response.content_part.added', { ...at, part: { type: 'output_text', text: '', annotations: [] } })
    for (const delta of answer.words) write('response.output_text.delta', { ...at, delta })
    write('response.output_text.done', { ...at, text: answer.words.join('') })
  }
  write('response.output_item.done', { output_index: 0, item })
  write('response.completed', { response: { ...base, status: 'completed', output: [item], usage } })
  response.end()
}

function toItem(answer: PeerAnswer) {
  const status = 'completed'
  if (answer.kind === 'call') {
    const { name, namespace } = answer.tool
    const of = namespace === undefined ? {} : { namespace }
    return { type: 'function_call', id: 'fc_1', call_id: answer.id, name, ...of, arguments: answer.arguments, status }
  }
  const content = [{ type: 'output_text', text: answer.words.join(''), annotations: [], logprobs: [] }]
  return { type: 'message', id: 'msg_1', role: 'assistant', status, content }
}

function emptied(answer: PeerAnswer): object {
  return answer.kind === 'call' ? { arguments: '' } : { content: [] }
}
