import type { ModelAnswer, ModelRequest, ModelUsage } from '#runs/ports'
import type { limits } from '#limits'
import { createOrder, toSavable } from './answer-order.ts'
import type { Delta } from './delta.ts'
import { createToolRequests } from './tool-requests.ts'

/** The bounds of `limits.model`; tests set narrower ones. */
export type ModelBounds = { readonly [Name in keyof typeof limits.model]: number }

/** An answer while it comes in. */
export type GrowingAnswer = {
  /** Takes a piece and shows it. */
  add(delta: Delta): void
  /** Whether anything of it was shown. */
  isShown(): boolean
  /** Whether the server has said why it ended. */
  isFinished(): boolean
  /** Whether it has reached its bound; it takes nothing more. */
  isFull(): boolean
  toAnswer(): ModelAnswer
}

export function createAnswer(request: ModelRequest, bounds: ModelBounds): GrowingAnswer {
  const requests = createToolRequests({
    requestsMax: bounds.toolRequestsMax,
    idCharactersMax: bounds.toolRequestIdCharactersMax,
  })
  const order = createOrder()
  let content = ''
  let finishReason: string | undefined
  let usage: ModelUsage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0, reasoningTokens: 0 }
  let room = bounds.answerCharactersMax
  let isShown = false
  const fit = (text: string): string => {
    const fitting = text.length <= room ? text : text.slice(0, room)
    room -= fitting.length
    return fitting
  }
  const add = (delta: Delta): void => {
    // Another message of the same answer: a paragraph of its own to whoever reads along.
    const begins = order.begin(delta) && content !== '' && delta.text !== ''
    const written = fit(delta.text)
    const text = begins ? `\n\n${written}` : written
    const reasoning = fit(delta.reasoning)
    content += text
    order.text(written)
    if (delta.thought !== undefined && delta.thought.length <= room) order.thought(fit(delta.thought))
    for (const call of delta.calls) if (requests.add({ ...call, arguments: fit(call.arguments) })) order.request()
    finishReason = delta.finishReason ?? finishReason
    usage = delta.usage ?? usage
    isShown ||= text !== '' || reasoning !== ''
    if (reasoning !== '') request.onReasoning(reasoning)
    if (text !== '') request.onText(text)
    delta.items?.forEach(add)
  }

  return {
    add,
    isShown: () => isShown,
    isFinished: () => finishReason !== undefined,
    isFull: () => room === 0,
    toAnswer() {
      const made = requests.toRequests().map((call) => ({
        id: call.id,
        name: toSavable(call.name),
        arguments: toSavable(call.arguments),
      }))
      const reason = room === 0 ? 'length' : toFinishReason(finishReason, made.length > 0)
      const parts = order.toParts(made)
      return {
        kind: 'answer',
        content: toSavable(content),
        requests: made,
        ...(parts ? { parts } : {}),
        finishReason: reason,
        usage,
      }
    },
  }
}

/** Some servers say "stop" or nothing although they ask for tools. */
function toFinishReason(word: string | undefined, asksForTools: boolean): ModelAnswer['finishReason'] {
  switch (word) {
    case 'length':
    case 'content_filter':
    case 'tool_calls':
      return word
    case 'function_call':
      return 'tool_calls'
    case 'stop':
    case undefined:
      return asksForTools ? 'tool_calls' : 'stop'
    default:
      return 'other'
  }
}
