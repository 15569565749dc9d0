import type { RunFinished } from '@codegen/protocol/wire'
import { systemClock } from './activity.ts'
import type { Clock } from './activity.ts'
import { createAnswer } from './answer.ts'
import { countOf, toCount, toDollars, toDuration } from './numbers.ts'
import { numberAt, textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import type { RunView } from './run-view.ts'
import type { Terminal } from './terminal.ts'
import { renderFinishedCall } from './tool-call.ts'
import { createSpeech } from './speech.ts'
import { limits } from '#limits'
import { createTranscript } from './transcript.ts'
import { createWaits } from './waits.ts'
import { toOneLine } from './visible.ts'

export type HumanViewOptions = {
  terminal: Terminal
  /** Milliseconds the run has taken by now; undefined where nobody knows. */
  elapsedMs(): number | undefined
  /** The run's questions are put here too, and say themselves how they ended. */
  asks?: boolean
  clock?: Clock
}

/** Shows a run to a person: text as it comes, a line a call, the diff of an edit, and at the end what it took. */
export function createHumanView(options: HumanViewOptions): RunView {
  const { terminal, elapsedMs, asks = false, clock = systemClock } = options
  const waits = createWaits(terminal, clock)
  const transcript = createTranscript(terminal)
  const speech = createSpeech(terminal, transcript)

  function dropAnswer(reason: string): void {
    speech.drop(reason)
    waits.modelAsked()
  }

  const events: Readonly<Record<string, (payload: Payload) => void>> = {
    run_started: waits.modelAsked,
    agent_message_delta(payload) {
      waits.modelSpeaks()
      speech.delta(textAt(payload, 'content'))
    },
    reasoning_delta: (payload) => waits.modelThinks(textAt(payload, 'content')),
    agent_message(payload) {
      waits.modelSpeaks()
      speech.finish(textAt(payload, 'content'))
    },
    agent_message_restarted: (payload) =>
      dropAnswer(toOneLine(textAt(payload, 'reason'), 200) || 'the model broke off'),
    claimed: () => dropAnswer('the server changed'),
    compacted: (payload) => transcript.remark(toSummedUp(payload)),
    tool_call: waits.callBegan,
    tool_output_delta: waits.callSaid,
    tool_call_finished(payload) {
      terminal.startLine()
      transcript.print('calls', renderFinishedCall(waits.callEnded(payload), payload, terminal))
    },
    input: (payload) => transcript.print('text', `> ${toOneLine(textAt(payload, 'content'), 500)}\n`),
    approval_requested: waits.questionPut,
    approval_resolved(payload) {
      const wasSeen = waits.questionOver(payload)
      const end = wasSeen && !asks ? toAnswerFromElsewhere(payload) : ''
      if (end) transcript.remark(end)
    },
    answer_refused: (payload) => transcript.remark(toRefusedAnswer(payload)),
    run_status(payload) {
      if (payload['status'] === 'waiting_executor') transcript.remark('the run waits for its machine to come back')
    },
  }

  return {
    event({ event }) {
      if (Object.hasOwn(events, event.type)) events[event.type]?.(event.payload)
    },
    finished(outcome) {
      waits.stop()
      const took = toTook(outcome, elapsedMs())
      const word = outcome.status === 'completed' ? 'done' : outcome.status
      transcript.close(took ? `${word}: ${took}` : word)
    },
    close: waits.stop,
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

function toSummedUp(payload: Payload): string {
  const [before, after] = [numberAt(payload, 'tokens_before') ?? 0, numberAt(payload, 'tokens_after') ?? 0]
  return `the older part was summed up (${toCount(before)} tokens -> ${toCount(after)})`
}

/** An answer from elsewhere that this machine's owner does not let count. */
function toRefusedAnswer(payload: Payload): string {
  const [by, reason] = [textAt(payload, 'by'), textAt(payload, 'reason')].map((said) => toOneLine(said, 300))
  return `${by} answered over the server, which does not count here: ${reason}`
}

/** A question that stood here and was not answered here; empty where nothing need be said. */
function toAnswerFromElsewhere(resolution: Payload): string {
  const [outcome, by] = [
    textAt(resolution, 'outcome'),
    toOneLine(textAt(resolution, 'by'), limits.toolLabelCharactersMax),
  ]
  if (by === `codegen (pid ${process.pid})`) return ''
  if (outcome === 'expired') return 'nobody has answered the question in time'
  return outcome === 'allowed' || outcome === 'denied' ? `${outcome} elsewhere, by ${by}` : ''
}

function toTook({ usage }: RunFinished, milliseconds: number | undefined): string {
  const parts: string[] = []
  if (usage) {
    const cached = usage.cached_tokens > 0 ? ` (${toCount(usage.cached_tokens)} cached)` : ''
    const tokens = `${toCount(usage.input_tokens)} tokens in${cached}, ${toCount(usage.output_tokens)} out`
    parts.push(countOf(usage.turns, 'turn'), tokens)
    if (usage.cost_micros !== undefined) parts.push(toDollars(usage.cost_micros))
  }
  if (milliseconds !== undefined) parts.push(toDuration(milliseconds))
  return parts.join(', ')
}
