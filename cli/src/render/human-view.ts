import type { RunFinished } from '@codegen/protocol/wire'
import { createAnswer } from './answer.ts'
import { countOf, toCount, toDuration } from './numbers.ts'
import { objectAt, textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import type { RunView } from './run-view.ts'
import type { Terminal } from './terminal.ts'
import { renderFinishedCall, toToolLabel } from './tool-call.ts'
import { toOneLine } from './visible.ts'

export type HumanViewOptions = {
  terminal: Terminal
  /** Milliseconds the run has taken by now; undefined where nobody knows. */
  elapsedMs(): number | undefined
}

/** Shows a run to a person: text as it comes, a line a call, the diff of an edit, and at the end what it took. */
export function createHumanView({ terminal, elapsedMs }: HumanViewOptions): RunView {
  const answer = createAnswer()
  const labels = new Map<string, string>()
  let lastBlock: 'text' | 'calls' | undefined

  function print(block: 'text' | 'calls', text: string): void {
    if (!text) return
    if (block !== lastBlock && lastBlock !== undefined) {
      terminal.startLine()
      terminal.print('\n')
    }
    lastBlock = block
    terminal.print(text)
  }

  function remark(sentence: string): void {
    terminal.startLine()
    terminal.print(`${terminal.colours.dim(`— ${sentence} —`)}\n`)
  }

  function dropAnswer(reason: string): void {
    if (answer.drop()) remark(`${reason}; the answer begins again`)
  }

  function finishAnswer(content: string): void {
    const { text, restarted } = answer.finish(content)
    if (restarted) remark('the whole answer')
    print('text', text)
    if (content) terminal.startLine()
  }

  function showCalls(): void {
    const [first] = labels.values()
    const more = labels.size > 1 ? ` and ${labels.size - 1} more` : ''
    terminal.status(first === undefined ? '' : `… ${first}${more}`)
  }

  function beginCall(payload: Payload): void {
    if (payload['bootstrap'] === true) return
    labels.set(textAt(payload, 'tool_id'), toToolLabel(textAt(payload, 'tool_name'), objectAt(payload, 'parameters')))
    showCalls()
  }

  function finishCall(payload: Payload): void {
    const toolId = textAt(payload, 'tool_id')
    const label = labels.get(toolId) ?? toToolLabel(textAt(payload, 'tool_name'), {})
    labels.delete(toolId)
    terminal.startLine()
    print('calls', renderFinishedCall(label, payload, terminal.colours))
    showCalls()
  }

  const events: Readonly<Record<string, (payload: Payload) => void>> = {
    agent_message_delta: (payload) => print('text', answer.delta(textAt(payload, 'content'))),
    agent_message: (payload) => finishAnswer(textAt(payload, 'content')),
    agent_message_restarted: (payload) =>
      dropAnswer(toOneLine(textAt(payload, 'reason'), 200) || 'the model broke off'),
    claimed: () => dropAnswer('the server changed'),
    tool_call: beginCall,
    tool_call_finished: finishCall,
    input: (payload) => print('text', `> ${toOneLine(textAt(payload, 'content'), 500)}\n`),
    approval_requested: (payload) => terminal.status(`? ${toOneLine(textAt(payload, 'title'), 200)}`),
    run_status(payload) {
      if (textAt(payload, 'status') === 'waiting_executor') remark('the run waits for its machine to come back')
    },
  }

  return {
    event({ event }) {
      if (Object.hasOwn(events, event.type)) events[event.type]?.(event.payload)
    },
    finished(outcome) {
      terminal.status('')
      terminal.startLine()
      const took = toTook(outcome, elapsedMs())
      const word = outcome.status === 'completed' ? 'done' : outcome.status
      terminal.print(
        `${lastBlock === undefined ? '' : '\n'}${terminal.colours.dim(took ? `${word}: ${took}` : word)}\n`,
      )
    },
  }
}

/** Shows nothing but the last answer, whole: for scripts. */
export function createQuietView(terminal: Terminal): RunView {
  return {
    event({ event }) {
      const { requests, content } = event.payload
      if (event.type !== 'agent_message' || (Array.isArray(requests) && requests.length > 0)) return
      const { text } = createAnswer().finish(typeof content === 'string' ? content : '')
      terminal.print(text)
      terminal.startLine()
    },
    finished: () => undefined,
  }
}

function toTook({ usage }: RunFinished, milliseconds: number | undefined): string {
  const parts: string[] = []
  if (usage) {
    const cached = usage.cached_tokens > 0 ? ` (${toCount(usage.cached_tokens)} cached)` : ''
    parts.push(
      countOf(usage.turns, 'turn'),
      `${toCount(usage.input_tokens)} tokens in${cached}, ${toCount(usage.output_tokens)} out`,
    )
  }
  if (milliseconds !== undefined) parts.push(toDuration(milliseconds))
  return parts.join(', ')
}
