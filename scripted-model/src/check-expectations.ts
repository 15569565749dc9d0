import { ApiError } from './api-error.ts'
import { fillIn } from './fill-in.ts'
import { toPattern } from './pattern.ts'
import type { Expectation } from './scenario.ts'
import type { Place } from './script.ts'

/** Holds the tool results of a request against what its step expects. Throws an ApiError 400 that quotes what came instead. */
export function checkExpectations(place: Place): void {
  for (const expectation of place.step.expect ?? []) {
    const problem = findProblem(expectation, place)
    if (!problem) continue
    throw ApiError.badRequest(
      `The scenario expected otherwise at answer ${String(place.number)} of "${place.conversation}": ${problem}. ${describe(place.results)}`,
    )
  }
}

function findProblem({ call, contains, lacks, matches, results }: Expectation, place: Place): string | undefined {
  const count = place.results.length
  if (results !== undefined && count !== results) return `${String(results)} tool results, not ${String(count)}`
  if (call !== undefined && count < call) return `a result of call ${String(call)}`

  const text = call === undefined ? place.results.join('\n') : (place.results[call - 1] ?? '')
  const which = call === undefined ? 'the tool results' : `the result of call ${String(call)}`
  if (contains !== undefined && !text.includes(fillIn(contains, place))) {
    return `${which} should contain ${JSON.stringify(fillIn(contains, place))}`
  }
  if (lacks !== undefined && text.includes(fillIn(lacks, place))) {
    return `${which} should not contain ${JSON.stringify(fillIn(lacks, place))}`
  }
  if (matches !== undefined && !toPattern(matches).test(text)) return `${which} should match ${matches}`
  return undefined
}

function describe(results: readonly string[]): string {
  if (results.length === 0) return 'There was no tool result.'
  return `The results were: ${results.map((result) => JSON.stringify(result.slice(0, 2000))).join(', ')}.`
}
