type Chunk = {
  content?: string
  reasoning?: string
  reasoning_content?: string
  tool_calls?: { index: number; id?: string; function: { name?: string; arguments: string } }[]
  choices?: { finish_reason?: string }[]
  usage?: ChatUsage
  error?: object
  object?: string
}
type ChatUsage = {
  prompt_tokens: number
  completion_tokens: number
  prompt_tokens_details?: object
  completion_tokens_details?: object
}

/** The chunks of a chat completion as the Responses API would tell the same answer. */
export function toResponseEvents(chunks: readonly object[]): string[] {
  const usage = chunks.map((chunk: Chunk) => chunk.usage).find(Boolean)
  return chunks.flatMap((chunk: Chunk) => toEvents(chunk, usage)).map(toEventText)
}

export function toEventText(event: object): string {
  const type = 'type' in event ? String(event.type) : 'message'
  return `event: ${type}\ndata: ${JSON.stringify(event)}\n\n`
}

function toEvents(chunk: Chunk, usage: ChatUsage | undefined): object[] {
  const { content, reasoning, reasoning_content: thought = reasoning, tool_calls: calls = [], choices } = chunk
  if (chunk.error) return [{ type: 'error', ...chunk.error }]
  if (chunk.object === 'error') return [{ type: 'error', error: chunk }]
  if (choices) return choices.flatMap(({ finish_reason: reason }) => (reason ? [toEnd(reason, usage)] : []))
  return [
    ...(thought ? [{ type: 'response.reasoning_summary_text.delta', output_index: 0, delta: thought }] : []),
    ...(content ? [{ type: 'response.output_text.delta', output_index: 1, delta: content }] : []),
    ...calls.flatMap(({ index, id, function: { name, arguments: delta } }) => [
      ...(name === undefined ? [] : [toAdded(index + 2, { call_id: id, name })]),
      { type: 'response.function_call_arguments.delta', output_index: index + 2, delta },
    ]),
  ]
}

function toAdded(output_index: number, call: object): object {
  return { type: 'response.output_item.added', output_index, item: { type: 'function_call', arguments: '', ...call } }
}

function toEnd(reason: string, usage: ChatUsage | undefined): object {
  const used = usage && {
    input_tokens: usage.prompt_tokens,
    output_tokens: usage.completion_tokens,
    input_tokens_details: usage.prompt_tokens_details,
    output_tokens_details: usage.completion_tokens_details,
  }
  if (reason === 'stop' || reason === 'tool_calls') {
    return {
      type: 'response.completed',
      response: { status: 'completed', output: [], error: null, usage: used ?? null },
    }
  }
  const why = reason === 'length' ? 'max_output_tokens' : reason
  const response = { status: 'incomplete', incomplete_details: { reason: why }, output: [], usage: used }
  return { type: 'response.incomplete', response }
}
