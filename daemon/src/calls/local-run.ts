import { randomUUID } from 'node:crypto'

const idPrefix = 'local-'

/** An id for what one person's call counts as: a run of its own that no server knows. */
export function newLocalRunId(): string {
  return `${idPrefix}${randomUUID()}`
}

/** Whether a run is one person's call. No other codegend can go on with it. */
export function isLocalRun(generationId: string): boolean {
  return generationId.startsWith(idPrefix)
}
