import { limits } from './limits.ts'
import type { Fault } from './scenario.ts'
import type { Place } from './script.ts'

/** Counts how often each place was asked for, and says which fault, if any, that attempt meets. */
export type Attempts = { next(place: Place): { readonly attempt: number; readonly fault: Fault | undefined } }

/** Starts counting at nothing. Two runs with the same prompt share a count; only steps with faults are counted. */
export function countAttempts(): Attempts {
  const counts = new Map<string, number>()
  return {
    next(place) {
      const { faults } = place.step
      if (!faults?.length) return { attempt: 1, fault: undefined }
      const key = `${place.conversation}\n${String(place.number)}\n${place.prompt}`
      const attempt = (counts.get(key) ?? 0) + 1
      counts.delete(key)
      counts.set(key, attempt)
      forgetOldest(counts)
      return { attempt, fault: faultOf(faults, attempt) }
    },
  }
}

/** A fault without `times` is met once; after the last one the step is answered. */
function faultOf(faults: readonly Fault[], attempt: number): Fault | undefined {
  let last = 0
  return faults.find(({ times = 1 }) => {
    last += times
    return attempt <= last
  })
}

function forgetOldest(counts: Map<string, number>): void {
  if (counts.size <= limits.attemptPlacesMax) return
  const oldest = counts.keys().next()
  if (!oldest.done) counts.delete(oldest.value)
}
