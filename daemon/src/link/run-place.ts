import { isLocalRun } from '#calls/local-run'
import { isSeedRun } from './seed-runs.ts'

/** Whether a run is none of a server that could ask for it again. */
export function isOfThisMachine(generationId: string): boolean {
  return isSeedRun(generationId) || isLocalRun(generationId)
}
