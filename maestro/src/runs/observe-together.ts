import type { Observer } from './observer.ts'

/** Tells several observers. Where more than one traces, the first one's context is passed on. */
export function observeTogether(observers: readonly Observer[]): Observer {
  const [only, ...others] = observers
  if (only && others.length === 0) return only
  return {
    runTaken(run) {
      const each = observers.map((observer) => observer.runTaken(run))
      return {
        traceparentOf: (toolId) => each.map((one) => one.traceparentOf(toolId)).find((found) => found !== undefined),
        modelAsked: (call) => each.forEach((one) => one.modelAsked(call)),
        requestRefused: () => each.forEach((one) => one.requestRefused()),
        questionClosed: (question) => each.forEach((one) => one.questionClosed(question)),
        toolCalled: (call) => each.forEach((one) => one.toolCalled(call)),
        turnEnded: (turn) => each.forEach((one) => one.turnEnded(turn)),
        runLeft: (outcome, ms) => each.forEach((one) => one.runLeft(outcome, ms)),
      }
    },
    appended: (ms) => observers.forEach((observer) => observer.appended(ms)),
    resultLate: (status) => observers.forEach((observer) => observer.resultLate(status)),
    runAbandoned: (outcome) => observers.forEach((observer) => observer.runAbandoned(outcome)),
  }
}
