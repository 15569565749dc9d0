import { ApiError } from './api-error.ts'
import { textOf } from './chat-request.ts'
import type { Message } from './chat-request.ts'
import { toPattern } from './pattern.ts'
import type { Conversation, Scenario, Step } from './scenario.ts'

/** A place in the scenario: which answer of which conversation a request asks for. */
export type Place = {
  readonly conversation: string
  /** The user's message that chose the conversation. */
  readonly prompt: string
  readonly step: Step
  /** From 1: the how-manieth answer of the conversation this is. */
  readonly number: number
  /** From 1: the turn within a `loop`. */
  readonly turn: number
  /** What the groups of `when` caught, by number or name. */
  readonly caught: Readonly<Record<string, string>>
  /** The tool results since the last answer of the model, in the order of its calls. */
  readonly results: readonly string[]
}

/** Finds the answer a history asks for; from the history alone, so that retries and other servers' requests get the same. */
export type Script = { find(messages: readonly Message[]): Place }

/** Makes a scenario's conversations ready to be looked up. The scenario must have been checked. */
export function toScript(scenario: Scenario): Script {
  const conversations = (scenario.conversations ?? [{ name: 'main', steps: scenario.steps ?? [] }]).map(
    (conversation) => compileConversation(conversation, scenario),
  )
  return {
    find(messages) {
      const chosen = choose(conversations, messages)
      const answers = countAnswers(messages.slice(chosen.from))
      const { step, turn } = stepAt(chosen.conversation, answers)
      return {
        conversation: chosen.conversation.name,
        prompt: chosen.prompt,
        step,
        number: answers + 1,
        turn,
        caught: chosen.caught,
        results: lastResults(messages),
      }
    },
  }
}

/** How many answers were given; where the older ones were taken out of the history, the ids of the calls that are left tell. */
function countAnswers(messages: readonly Message[]): number {
  const answers = messages.filter(isAnswer)
  const numbers = (answers.at(-1)?.tool_calls ?? []).map(({ id }) => Number(/^call_(\d+)_\d+$/.exec(id)?.[1] ?? 0))
  return Math.max(answers.length, ...numbers)
}

/** What the model said itself; an agent may have put calls of its own into the history, under ids of its own. */
function isAnswer({ role, tool_calls = [] }: Message): boolean {
  return role === 'assistant' && (tool_calls.length === 0 || tool_calls.some(({ id }) => !id.startsWith('bootstrap')))
}

type CompiledConversation = {
  readonly name: string
  readonly when: RegExp | undefined
  readonly steps: readonly { readonly first: number; readonly step: Step }[]
  readonly answers: number
}

type Choice = Pick<Place, 'prompt' | 'caught'> & { readonly conversation: CompiledConversation; readonly from: number }

function compileConversation(conversation: Conversation, scenario: Scenario): CompiledConversation {
  let answers = 0
  const steps = conversation.steps.map((step) => {
    const first = answers
    answers += step.loop ?? 1
    return { first, step: { ...paceOf(scenario), ...step } }
  })
  const { name, when } = conversation
  return { name, when: when === undefined ? undefined : toPattern(when), steps, answers }
}

/** What a step without a pace of its own takes from the scenario. */
function paceOf({ latency_ms = 0, delay_ms = 0, delta_chars }: Scenario) {
  return { latency_ms, delay_ms, ...(delta_chars === undefined ? {} : { delta_chars }) }
}

/** The newest user message that a `when` takes; else the conversation without `when`, from the first user message on. */
function choose(conversations: readonly CompiledConversation[], messages: readonly Message[]): Choice {
  for (let from = messages.length - 1; from >= 0; from -= 1) {
    const message = messages[from]
    if (message?.role !== 'user') continue
    const prompt = textOf(message)
    for (const conversation of conversations) {
      const match = conversation.when?.exec(prompt)
      if (match) return { conversation, prompt, from, caught: { ...toCaught(match), ...match.groups } }
    }
  }
  const prompt = messages.find(({ role }) => role === 'user')
  if (!prompt) throw ApiError.badRequest('The scenario needs a user message; there is none.')
  const conversation = conversations.find(({ when }) => !when)
  if (conversation) return { conversation, prompt: textOf(prompt), from: 0, caught: {} }
  throw ApiError.badRequest(`No conversation of the scenario is for the prompt ${JSON.stringify(textOf(prompt))}.`)
}

function toCaught(match: RegExpExecArray): Record<string, string> {
  return Object.fromEntries([...match].map((text: string | undefined, index) => [String(index), text ?? '']))
}

function stepAt(conversation: CompiledConversation, answers: number): { step: Step; turn: number } {
  const found = conversation.steps.findLast(({ first }) => first <= answers)
  if (!found || answers >= conversation.answers) {
    throw ApiError.badRequest(
      `The conversation "${conversation.name}" has ${String(conversation.answers)} answers; answer ${String(answers + 1)} was asked for.`,
    )
  }
  return { step: found.step, turn: answers - found.first + 1 }
}

/** In the order of the calls, for they may have come back in another. */
function lastResults(messages: readonly Message[]): string[] {
  const last = messages.findLastIndex(({ role }) => role === 'assistant')
  const calls = messages[last]?.tool_calls?.map(({ id }) => id) ?? []
  return messages
    .slice(last + 1)
    .filter(({ role }) => role === 'tool')
    .toSorted((one, other) => calls.indexOf(one.tool_call_id ?? '') - calls.indexOf(other.tool_call_id ?? ''))
    .map(textOf)
}
