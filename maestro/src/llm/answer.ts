import type { ModelAnswer, ModelRequest, ModelUsage } from '#runs/ports'
import type { limits } from '#limits'
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
  let content = ''
  let finishReason: string | undefined
  let usage: ModelUsage = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 }
  let room = bounds.answerCharactersMax
  let isShown = false
  const fit = (text: string): string => {
    const fitting = text.length <= room ? text : text.slice(0, room)
    room -= fitting.length
    return fitting
  }

  return {
    add(delta) {
      const text = fit(delta.text)
      const reasoning = fit(delta.reasoning)
      content += text
      for (const call of delta.calls) requests.add({ ...call, arguments: fit(call.arguments) })
      finishReason = delta.finishReason ?? finishReason
      usage = delta.usage ?? usage
      isShown ||= text !== '' || reasoning !== ''
      if (reasoning !== '') request.onReasoning(reasoning)
      if (text !== '') request.onText(text)
    },
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
      return { kind: 'answer', content: toSavable(content), requests: made, finishReason: reason, usage }
    },
  }
}

/** What Postgres refuses to keep in a text: a NUL and half a character. */
function toSavable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\u{fffd}')
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
