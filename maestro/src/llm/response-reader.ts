import type { ModelUsage } from '#runs/ports'
import { nothing, toCount, toRecord, toString } from './delta.ts'
import type { AnswerReader, CallDelta, Delta } from './delta.ts'

/**
 * Reads the events of one answer of the Responses API, or a whole response that was not streamed. Servers differ in which pieces they stream: what comes only
 * with the end of an item, or of the answer, is taken from there, and nothing is taken twice. Never fails: what is not understood is absent.
 */
export function createResponseReader(): AnswerReader {
  const seen: Seen = { streamed: new Set(), done: new Set() }
  return {
    read(chunk) {
      const event = toRecord(chunk)
      // Not streamed: the response itself.
      if (event['object'] === 'response') return readEnd(event, seen)
      return readEvent(event, seen)
    },
    end: () => nothing,
  }
}

/** Items, by their place in the answer, of which pieces came, and those that came whole. */
type Seen = { readonly streamed: Set<number>; readonly done: Set<number> }
type Fields = Record<string, unknown>

function readEvent(event: Fields, seen: Seen): Delta {
  const at = toCount(event['output_index'])
  const piece = toString(event['delta'])
  switch (event['type']) {
    case 'response.output_text.delta':
    case 'response.refusal.delta':
      seen.streamed.add(at)
      return { ...nothing, text: piece, message: { at } }
    case 'response.reasoning_summary_text.delta':
    case 'response.reasoning_text.delta':
      seen.streamed.add(at)
      return { ...nothing, reasoning: piece }
    case 'response.reasoning_summary_part.added':
      return toCount(event['summary_index']) > 0 ? { ...nothing, reasoning: '\n\n' } : nothing
    case 'response.output_item.added':
      return readBeginning(toRecord(event['item']), at)
    case 'response.function_call_arguments.delta':
      seen.streamed.add(at)
      return { ...nothing, calls: [{ index: at, id: '', name: '', arguments: piece }] }
    case 'response.output_item.done':
      return readItem(toRecord(event['item']), at, seen)
    case 'response.completed':
    case 'response.incomplete':
    case 'response.failed':
      return readEnd(toRecord(event['response']), seen)
    case 'error':
      return { ...nothing, error: event['error'] ?? event }
    default:
      return event['type'] === undefined && event['error'] !== undefined
        ? { ...nothing, error: event['error'] }
        : nothing
  }
}

function readBeginning(item: Fields, at: number): Delta {
  if (item['type'] === 'message') return { ...nothing, message: { at, phase: toPhase(item) } }
  if (item['type'] !== 'function_call') return nothing
  return { ...nothing, calls: [toCall(item, at, '')] }
}

/** A whole item: what of it was not streamed, and what goes back with the next request. */
function readItem(item: Fields, at: number, seen: Seen): Delta {
  if (seen.done.has(at)) return nothing
  seen.done.add(at)
  const isStreamed = seen.streamed.has(at)
  switch (item['type']) {
    case 'message':
      return { ...nothing, text: isStreamed ? '' : partsOf(item['content']), message: { at, phase: toPhase(item) } }
    case 'function_call':
      return { ...nothing, calls: [toCall(item, at, isStreamed ? '' : toString(item['arguments']))] }
    case 'reasoning': {
      const words = partsOf(item['summary'], '\n\n') || partsOf(item['content'])
      return { ...nothing, reasoning: isStreamed ? '' : words, thought: toThought(item) }
    }
    default:
      return nothing
  }
}

function readEnd(response: Fields, seen: Seen): Delta {
  const error = response['error'] ?? (response['status'] === 'failed' ? { message: 'The answer failed.' } : undefined)
  if (error !== undefined) return { ...nothing, error }
  const output = Array.isArray(response['output']) ? response['output'] : []
  const items = output.map((item, at) => readItem(toRecord(item), at, seen))
  const usage = response['usage']
  return {
    ...nothing,
    items,
    finishReason: toFinish(response),
    usage: usage === null || usage === undefined ? undefined : toUsage(toRecord(usage)),
    isOver: true,
  }
}

/** The chat API's words for the same. */
function toFinish(response: Fields): string {
  if (response['status'] !== 'incomplete') return 'stop'
  const reason = toString(toRecord(response['incomplete_details'])['reason'])
  return reason === 'max_output_tokens' ? 'length' : reason || 'other'
}

function toUsage(usage: Fields): ModelUsage {
  return {
    inputTokens: toCount(usage['input_tokens']),
    outputTokens: toCount(usage['output_tokens']),
    cachedTokens: toCount(toRecord(usage['input_tokens_details'])['cached_tokens']),
    reasoningTokens: toCount(toRecord(usage['output_tokens_details'])['reasoning_tokens']),
  }
}

/** What OpenAI encrypted, or a local server left open. Without either there is nothing that could go back: the item is unknown at the server. */
function toThought(item: Fields): string | undefined {
  const { id, summary, content, encrypted_content } = item
  const hasContent = Array.isArray(content) && content.length > 0
  if (toString(encrypted_content) === '' && !hasContent) return undefined
  return JSON.stringify({
    type: 'reasoning',
    ...(toString(id) === '' ? {} : { id }),
    summary: Array.isArray(summary) ? summary : [],
    ...(hasContent ? { content } : {}),
    ...(toString(encrypted_content) === '' ? {} : { encrypted_content }),
  })
}

function toCall(item: Fields, index: number, written: string): CallDelta {
  return {
    index,
    id: toString(item['call_id']) || toString(item['id']),
    name: toString(item['name']),
    arguments: written,
  }
}

function toPhase(item: Fields): string | undefined {
  return toString(item['phase']) || undefined
}

/** The text of a list of parts, a refusal's as well. */
function partsOf(parts: unknown, between = ''): string {
  if (typeof parts === 'string') return parts
  if (!Array.isArray(parts)) return ''
  return parts.map((part) => toString(toRecord(part)['text']) || toString(toRecord(part)['refusal'])).join(between)
}
