import type { Ending, WaitingInput } from './ports.ts'
import { waitsForPerson } from './run.ts'
import type { Run } from './run.ts'

/** What a run does next. */
export type Step =
  | { readonly kind: 'bootstrap' }
  | { readonly kind: 'ask-model' }
  | { readonly kind: 'take-inputs'; readonly inputs: readonly WaitingInput[] }
  | { readonly kind: 'call-tools' }
  | { readonly kind: 'cancel-calls'; readonly toolIds: readonly string[]; readonly reason: string }
  | { readonly kind: 'await-results'; readonly toolIds: readonly string[] }
  | { readonly kind: 'await-approval'; readonly toolIds: readonly string[] }
  | { readonly kind: 'finish'; readonly ending: Ending }
  | { readonly kind: 'done' }

/** What stands around a run when its next step is decided. */
export type Around = {
  /** How the safeguards say it must end. */
  readonly ending: Ending | undefined
  /** Calls whose end the executor has been asked for already. */
  readonly cancelled: ReadonlySet<string>
  /** What people said and no entry shows yet, oldest first. */
  readonly inputs: readonly WaitingInput[]
}

/**
 * Decides what happens next from the run alone, and from what stands around it. Open calls are cancelled before a run ends, and only the executor ends
 * them. What a person said is shown when every result of the step is there: a `steer` before the next request, a `queue` where the run would end.
 */
export function nextStep(run: Run, { ending, cancelled, inputs }: Around): Step {
  if (run.outcome) return { kind: 'done' }

  const openIds = [...run.openCalls.keys()]
  if (ending) {
    const uncancelled = openIds.filter((toolId) => !cancelled.has(toolId))
    if (uncancelled.length > 0) {
      return { kind: 'cancel-calls', toolIds: uncancelled, reason: ending.error?.message ?? ending.status }
    }
    return openIds.length > 0 ? { kind: 'await-results', toolIds: openIds } : { kind: 'finish', ending }
  }

  if (run.bootstrap === 'none') return { kind: 'bootstrap' }
  if (run.pendingRequests.length > 0) return { kind: 'call-tools' }
  if (openIds.length > 0) {
    return { kind: waitsForPerson(run) ? 'await-approval' : 'await-results', toolIds: openIds }
  }
  const isAnswered = run.lastAnswer?.hasRequests === false
  const due = nextInputs(inputs, isAnswered)
  if (due.length > 0) return { kind: 'take-inputs', inputs: due }
  return isAnswered ? { kind: 'finish', ending: endingOfAnswer(run) } : { kind: 'ask-model' }
}

/** All that is to steer at once; of what waits for the end one after the other, each like a prompt of its own. */
function nextInputs(inputs: readonly WaitingInput[], isAnswered: boolean): readonly WaitingInput[] {
  const steering = inputs.filter((input) => input.mode === 'steer')
  return steering.length > 0 || !isAnswered ? steering : inputs.slice(0, 1)
}

function endingOfAnswer(run: Run): Ending {
  const answer = run.lastAnswer
  if (answer?.finishReason === 'length') {
    return {
      status: 'limit',
      error: {
        code: 'run.limit',
        message: "The model's answer was cut at its own output limit; ask for a smaller step.",
      },
    }
  }
  if (answer?.finishReason === 'content_filter') {
    return { status: 'failed', error: { code: 'model.refused', message: "The model's provider filtered its answer." } }
  }
  if (answer?.content === '' && run.turns === 1) {
    return { status: 'failed', error: { code: 'model.bad_answer', message: 'The model answered nothing at all.' } }
  }
  return { status: 'completed', error: undefined }
}
