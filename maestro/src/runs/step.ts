import type { Ending } from './ports.ts'
import type { Run } from './run.ts'

/** What a run does next. */
export type Step =
  | { readonly kind: 'bootstrap' }
  | { readonly kind: 'ask-model' }
  | { readonly kind: 'call-tools' }
  | { readonly kind: 'cancel-calls'; readonly toolIds: readonly string[]; readonly reason: string }
  | { readonly kind: 'await-results'; readonly toolIds: readonly string[] }
  | { readonly kind: 'await-approval'; readonly toolIds: readonly string[] }
  | { readonly kind: 'finish'; readonly ending: Ending }
  | { readonly kind: 'done' }

/**
 * Decides what happens next from the run alone, and from what the safeguards say of it. Open calls are cancelled before a run ends, and only the
 * executor ends them; `cancelled` are those it has been asked for already.
 */
export function nextStep(run: Run, ending: Ending | undefined, cancelled: ReadonlySet<string>): Step {
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
    const asking = openIds.every((toolId) => run.openQuestions.has(toolId))
    return { kind: asking ? 'await-approval' : 'await-results', toolIds: openIds }
  }
  if (run.lastAnswer && !run.lastAnswer.hasRequests) return { kind: 'finish', ending: endingOfAnswer(run) }
  return { kind: 'ask-model' }
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
