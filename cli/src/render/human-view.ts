import type { RunFinished } from '@codegen/protocol/wire'
import { createAnswer } from './answer.ts'
import { countOf, toCount, toDuration } from './numbers.ts'
import { createOpenCalls } from './open-calls.ts'
import { numberAt, textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import type { RunView } from './run-view.ts'
import type { Terminal } from './terminal.ts'
import { renderFinishedCall } from './tool-call.ts'
import { createTranscript } from './transcript.ts'
import { toOneLine } from './visible.ts'

export type HumanViewOptions = {
  terminal: Terminal
  /** Milliseconds the run has taken by now; undefined where nobody knows. */
  elapsedMs(): number | undefined
}

/** Shows a run to a person: text as it comes, a line a call, the diff of an edit, and at the end what it took. */
export function createHumanView({ terminal, elapsedMs }: HumanViewOptions): RunView {
  const answer = createAnswer()
  const openCalls = createOpenCalls()
  const transcript = createTranscript(terminal)

  function dropAnswer(reason: string): void {
    if (answer.drop()) transcript.remark(`${reason}; the answer begins again`)
  }

  function finishAnswer(content: string): void {
    const { text, restarted } = answer.finish(content)
    if (restarted) transcript.remark('the whole answer')
    transcript.print('text', text)
    if (content) terminal.startLine()
  }

  const events: Readonly<Record<string, (payload: Payload) => void>> = {
    agent_message_delta: (payload) => transcript.print('text', answer.delta(textAt(payload, 'content'))),
    agent_message: (payload) => finishAnswer(textAt(payload, 'content')),
    agent_message_restarted: (payload) =>
      dropAnswer(toOneLine(textAt(payload, 'reason'), 200) || 'the model broke off'),
    claimed: () => dropAnswer('the server changed'),
    compacted(payload) {
      const [before, after] = [numberAt(payload, 'tokens_before') ?? 0, numberAt(payload, 'tokens_after') ?? 0]
      transcript.remark(`the older part was summed up (${toCount(before)} tokens -> ${toCount(after)})`)
    },
    tool_call(payload) {
      openCalls.begin(payload)
      terminal.status(openCalls.status())
    },
    tool_call_finished(payload) {
      terminal.startLine()
      transcript.print('calls', renderFinishedCall(openCalls.finish(payload), payload, terminal.colours))
      terminal.status(openCalls.status())
    },
    input: (payload) => transcript.print('text', `> ${toOneLine(textAt(payload, 'content'), 500)}\n`),
    approval_requested: (payload) => terminal.status(`? ${toOneLine(textAt(payload, 'title'), 200)}`),
    approval_resolved: () => terminal.status(openCalls.status()),
    run_status(payload) {
      if (payload['status'] === 'waiting_executor') transcript.remark('the run waits for its machine to come back')
    },
  }

  return {
    event({ event }) {
      if (Object.hasOwn(events, event.type)) events[event.type]?.(event.payload)
    },
    finished(outcome) {
      terminal.status('')
      const took = toTook(outcome, elapsedMs())
      const word = outcome.status === 'completed' ? 'done' : outcome.status
      transcript.close(took ? `${word}: ${took}` : word)
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
    const tokens = `${toCount(usage.input_tokens)} tokens in${cached}, ${toCount(usage.output_tokens)} out`
    parts.push(countOf(usage.turns, 'turn'), tokens)
  }
  if (milliseconds !== undefined) parts.push(toDuration(milliseconds))
  return parts.join(', ')
}
