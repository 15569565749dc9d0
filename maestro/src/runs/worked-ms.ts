import type { SavedEntry } from './log-entry.ts'
import { applyEntry, foldRun, waitsForPerson } from './run.ts'

/** An entry and when it was written. */
export type TimedEntry = { readonly entry: SavedEntry; readonly atMs: number }

/**
 * How long a run had worked by `nowMs`, from its log alone. What passed before an entry counts, unless the run then waited for a person, or for an
 * executor that was away until the claim. All times are of one clock, which may have been set back.
 */
export function toWorkedMs(entries: readonly TimedEntry[], nowMs: number): number {
  const [first, ...rest] = entries
  if (!first) return 0
  let run = foldRun([first.entry])
  let lastMs = first.atMs
  let workedMs = 0
  for (const { entry, atMs } of rest) {
    if (entry.fact.type !== 'claimed' && !waitsForPerson(run)) workedMs += Math.max(0, atMs - lastMs)
    run = applyEntry(run, entry)
    lastMs = atMs
  }
  return waitsForPerson(run) ? workedMs : workedMs + Math.max(0, nowMs - lastMs)
}
