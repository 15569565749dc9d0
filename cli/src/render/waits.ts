import { limits } from '#limits'
import { toAttachCommand } from './attach-command.ts'
import { createActivity, keepTail } from './activity.ts'
import type { Clock, Doing } from './activity.ts'
import { createOpenCalls } from './open-calls.ts'
import { textAt } from './payload.ts'
import type { Payload } from './payload.ts'
import type { Terminal } from './terminal.ts'
import { toOneLine } from './visible.ts'

/** What a run waits for, in the order it matters to a person: an answer of theirs, its calls, the model. */
export type Waits = {
  modelAsked(): void
  /** What the model thinks before it speaks. */
  modelThinks(thought: string): void
  modelSpeaks(): void
  callBegan(call: Payload): void
  callSaid(delta: Payload): void
  /** The label of the call. */
  callEnded(call: Payload): string
  questionPut(request: Payload): void
  /** Tells whether the question stood long enough to be seen here. */
  questionOver(resolution: Payload): boolean
  stop(): void
}

/** Keeps the status line at what the run waits for now. */
export function createWaits(terminal: Terminal, clock: Clock): Waits {
  const openCalls = createOpenCalls()
  const questions = new Map<string, Doing>()
  let model: Doing | undefined
  const activity = createActivity(terminal, clock, () => [...questions.values()][0] ?? openCalls.doing() ?? model)

  function modelAsked(): void {
    model = { label: 'waiting for the model', since: clock.now(), said: '' }
    activity.changed()
  }

  return {
    modelAsked,
    modelThinks(thought) {
      const isNew = model === undefined
      model ??= { label: '', since: clock.now(), said: '' }
      model.label = 'thinking'
      model.said = keepTail(model.said, thought)
      if (isNew) activity.changed()
    },
    modelSpeaks() {
      if (!model) return
      model = undefined
      activity.changed()
    },
    callBegan(call) {
      openCalls.begin(call, clock.now())
      activity.changed()
    },
    callSaid: openCalls.output,
    callEnded(call) {
      const label = openCalls.finish(call)
      if (openCalls.doing()) activity.changed()
      else modelAsked()
      return label
    },
    questionPut(request) {
      const said = `answer with: ${toAttachCommand(textAt(request, 'generation_id'))}`
      const label = `? ${toOneLine(textAt(request, 'title'), 200)}`
      questions.set(textAt(request, 'tool_id'), { label, since: clock.now(), said })
      activity.changed()
    },
    questionOver(resolution) {
      const toolId = textAt(resolution, 'tool_id')
      const question = questions.get(toolId)
      const wasSeen = question !== undefined && clock.now() - question.since >= limits.statusAfterMs
      questions.delete(toolId)
      activity.changed()
      return wasSeen
    },
    stop: activity.stop,
  }
}
