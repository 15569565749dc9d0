import { fillIn, fillInAll } from './fill-in.ts'
import type { Call } from './scenario.ts'
import type { Place } from './script.ts'

/** One answer of the model, whole and in pieces. */
export type Answer = {
  readonly message: {
    readonly role: 'assistant'
    readonly content: string | null
    readonly reasoning_content?: string
    readonly tool_calls?: readonly ToolCall[]
  }
  /** Each piece is the JSON of one chunk's `delta`. The role's delta is not among them. */
  readonly deltas: readonly string[]
  readonly finish: string
  readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number; readonly total_tokens: number }
}

type ToolCall = {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

/** Makes the answer of a place. Tokens the step does not name are guessed as a fourth of the bytes. */
export function renderAnswer(place: Place, requestBytes: number): Answer {
  const { step } = place
  const content = renderText(place)
  const reasoning = step.reasoning === undefined ? [] : toPieces(fillIn(step.reasoning, place), step.delta_chars)
  const calls = (step.calls ?? []).map((call, index) => renderCall(call, index, place))
  const deltas = [
    ...reasoning.map((piece) => `{"reasoning_content":${JSON.stringify(piece)}}`),
    ...content.deltas,
    ...calls.flatMap((call, index) => toCallDeltas(call, index, step.delta_chars)),
  ]
  return {
    message: {
      role: 'assistant',
      content: step.text === undefined ? null : content.text,
      ...(reasoning.length > 0 ? { reasoning_content: reasoning.join('') } : {}),
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    },
    deltas,
    finish: step.finish ?? (calls.length > 0 ? 'tool_calls' : 'stop'),
    usage: toUsage(step.usage ?? { input: Math.ceil(requestBytes / 4), output: deltas.length }),
  }
}

function renderText(place: Place): { readonly text: string; readonly deltas: readonly string[] } {
  const { text = '', repeat, delta_chars } = place.step
  const filled = fillIn(text, place)
  if (repeat === undefined) return { text: filled, deltas: toPieces(filled, delta_chars).map(toContentDelta) }
  return { text: filled.repeat(repeat), deltas: Array.from({ length: repeat }, constant(toContentDelta(filled))) }
}

function toContentDelta(piece: string): string {
  return `{"content":${JSON.stringify(piece)}}`
}

function constant(value: string): () => string {
  return () => value
}

function renderCall(call: Call, index: number, place: Place): ToolCall {
  const sent = call.raw === undefined ? JSON.stringify(fillInAll(call.arguments, place)) : fillIn(call.raw, place)
  const id = call.id === undefined ? `call_${String(place.number)}_${String(index + 1)}` : fillIn(call.id, place)
  return { id, type: 'function', function: { name: call.tool, arguments: sent } }
}

function toCallDeltas(call: ToolCall, index: number, deltaChars: number | undefined): string[] {
  const opening = { index, id: call.id, type: call.type, function: { name: call.function.name, arguments: '' } }
  return [
    `{"tool_calls":[${JSON.stringify(opening)}]}`,
    ...toPieces(call.function.arguments, deltaChars ?? argumentChars).map(
      (piece) => `{"tool_calls":[{"index":${String(index)},"function":{"arguments":${JSON.stringify(piece)}}}]}`,
    ),
  ]
}

/** Arguments come in pieces that cut through words and escapes, as they do from real models. */
const argumentChars = 13

/** Cuts a text in pieces of so many characters, or by default of a word with the white space after it. */
function toPieces(text: string, chars: number | undefined): readonly string[] {
  if (chars === undefined) return text.match(/\s*\S+\s*|\s+/g) ?? []
  return text.match(new RegExp(`.{1,${String(chars)}}`, 'gsu')) ?? []
}

function toUsage({ input, output }: { readonly input: number; readonly output: number }): Answer['usage'] {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output }
}
