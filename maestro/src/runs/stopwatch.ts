import type { RunOutcome } from '@codegen/protocol/wire'
import type { RunObserver, Turn } from './observer.ts'
import type { ModelAnswer, ModelFault } from './ports.ts'

type OpenCall = { readonly turn: number; readonly startMs: number; questionMs: number; askedMs: number | undefined }

/** A request to the model that is under way. */
export type Asking = {
  /** Something of the answer is there. */
  shown(): void
  restarted(): void
  ended(answer: ModelAnswer | ModelFault | 'interrupted'): void
}

/** Takes the times of one run and tells its observer. It knows only what happens while this replica owns the run. */
export class Stopwatch {
  readonly #observer: RunObserver
  readonly #now: () => number
  readonly #calls = new Map<string, OpenCall>()
  #turn: Omit<Turn, 'endMs'> | undefined
  #answeredMs: number | undefined
  #hasLeft = false

  constructor(observer: RunObserver, now: () => number) {
    this.#observer = observer
    this.#now = now
  }

  traceparentOf(toolId: string): string | undefined {
    return this.#observer.traceparentOf(toolId)
  }

  /** The model is asked for its answer of this turn. */
  ask(turn: number): Asking {
    const startMs = this.#now()
    this.#endTurn(startMs)
    this.#turn = { turn, startMs }
    const sinceAnswerMs = this.#answeredMs === undefined ? undefined : startMs - this.#answeredMs
    let firstTokenMs: number | undefined
    let restarts = 0
    return {
      shown: () => void (firstTokenMs ??= this.#now()),
      restarted: () => void (restarts += 1),
      ended: (answer) => {
        const endMs = this.#now()
        this.#answeredMs = endMs
        const usage = isAnswer(answer) ? answer.usage : undefined
        const outcome = outcomeOf(answer)
        this.#observer.modelAsked({ turn, startMs, endMs, sinceAnswerMs, firstTokenMs, restarts, outcome, usage })
      },
    }
  }

  /** A call is sent; sent again it is the same call. `turn` is the one whose answer asked for it, 0 the bootstrap. */
  sent(toolId: string, turn: number): void {
    if (this.#calls.has(toolId)) return
    const startMs = this.#now()
    this.#turn ??= { turn, startMs }
    this.#calls.set(toolId, { turn, startMs, questionMs: 0, askedMs: undefined })
  }

  questionAsked(toolId: string): void {
    const call = this.#calls.get(toolId)
    if (call) call.askedMs ??= this.#now()
  }

  questionAnswered(toolId: string, outcome: string): void {
    const call = this.#calls.get(toolId)
    if (call?.askedMs === undefined) return
    const endMs = this.#now()
    this.#observer.questionClosed({ toolId, outcome, startMs: call.askedMs, endMs })
    call.questionMs += endMs - call.askedMs
    call.askedMs = undefined
  }

  finished(toolId: string, of: { toolName: string; isBootstrap: boolean; status: string }): void {
    const call = this.#calls.get(toolId)
    if (!call) return
    this.#calls.delete(toolId)
    const { turn, startMs, questionMs } = call
    this.#observer.toolCalled({ toolId, ...of, turn, startMs, questionMs, endMs: this.#now() })
  }

  refused(): void {
    this.#observer.requestRefused()
  }

  /** The run has ended on record, or is not this replica's any more. Only the first time counts. */
  left(outcome: RunOutcome | undefined): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    const ms = this.#now()
    this.#endTurn(ms)
    this.#calls.clear()
    this.#observer.runLeft(outcome, ms)
  }

  #endTurn(endMs: number): void {
    if (this.#turn) this.#observer.turnEnded({ ...this.#turn, endMs })
    this.#turn = undefined
  }
}

function isAnswer(answer: ModelAnswer | ModelFault | 'interrupted'): answer is ModelAnswer {
  return answer !== 'interrupted' && answer.kind === 'answer'
}

function outcomeOf(answer: ModelAnswer | ModelFault | 'interrupted'): string {
  if (answer === 'interrupted') return answer
  return answer.kind === 'answer' ? answer.kind : answer.failure.code
}
