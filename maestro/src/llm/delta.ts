import type { ModelUsage } from '#runs/ports'

/** What one piece of a streamed answer adds, as far as it is read. */
export type Delta = {
  readonly text: string
  readonly reasoning: string
  readonly calls: readonly CallDelta[]
  readonly finishReason: string | undefined
  readonly usage: ModelUsage | undefined
  /** The server's own words for a fault that it tells inside the stream. */
  readonly error: unknown
  /** Where the answer has several messages: the one this text is of, or that begins. */
  readonly message?: { readonly at: number; readonly phase?: string | undefined }
  /** JSON that is to go back with the next request, as it is. */
  readonly thought?: string | undefined
  /** Whole items that the end of an answer tells of. */
  readonly items?: readonly Delta[]
  /** Nothing more comes. */
  readonly isOver?: boolean
}

/** A piece that adds nothing. */
export const nothing: Delta = {
  text: '',
  reasoning: '',
  calls: [],
  finishReason: undefined,
  usage: undefined,
  error: undefined,
}

/** Reads the pieces of one answer. */
export type AnswerReader = {
  read(chunk: unknown): Delta
  /** What was held back until nothing more came. */
  end(): Delta
}

/** A piece of a tool call. Empty strings where the server sent nothing. */
export type CallDelta = {
  readonly index: number | undefined
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** Parses a chunk of a chat completion, or a whole one that was not streamed. Never fails: what is not understood is absent. */
export function parseDelta(chunk: unknown): Delta {
  const body = toRecord(chunk)
  const choice = toRecord(Array.isArray(body['choices']) ? body['choices'][0] : undefined)
  const delta = toRecord(choice['delta'] ?? choice['message'])
  const calls = Array.isArray(delta['tool_calls']) ? delta['tool_calls'].map(parseCall) : []
  const finish = choice['finish_reason']
  return {
    text: toText(delta['content']) + toText(delta['refusal']),
    reasoning: toText(delta['reasoning_content']) || toText(delta['reasoning']),
    calls,
    finishReason: typeof finish === 'string' && finish !== '' ? finish : undefined,
    usage: isRecord(body['usage']) ? parseUsage(body['usage']) : undefined,
    error: body['error'] ?? (body['object'] === 'error' ? body : undefined),
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function toRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {}
}

/** Text as it is, or the text parts of a list of parts. */
function toText(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.map((part) => toString(toRecord(part)['text'])).join('')
}

function parseCall(value: unknown): CallDelta {
  const call = toRecord(value)
  const target = toRecord(call['function'])
  const written = target['arguments']
  return {
    index: typeof call['index'] === 'number' ? call['index'] : undefined,
    id: toString(call['id']),
    name: toString(target['name']),
    arguments: isRecord(written) ? JSON.stringify(written) : toString(written),
  }
}

function parseUsage(usage: Record<string, unknown>): ModelUsage {
  return {
    inputTokens: toCount(usage['prompt_tokens']),
    outputTokens: toCount(usage['completion_tokens']),
    // DeepSeek has a word of its own.
    cachedTokens:
      toCount(toRecord(usage['prompt_tokens_details'])['cached_tokens']) || toCount(usage['prompt_cache_hit_tokens']),
    reasoningTokens: toCount(toRecord(usage['completion_tokens_details'])['reasoning_tokens']),
  }
}

export function toString(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

export function toCount(value: unknown): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0
}
