import type { LoggedEntry } from './oracle.ts'
import type { Loss } from './world.ts'

/** How long runs were without an owner, by what took the last one from them. Milliseconds. */
export type Gaps = { readonly [Kind in Loss['kind'] | 'outage' | 'other']: number[] }

export function noGaps(): Gaps {
  return { replica: [], drain: [], cut: [], daemon: [], freeze: [], store: [], outage: [], other: [] }
}

/**
 * From each loss of an owner to the claim of the next one. Where nobody could have claimed, because no replica or no database was there, it counts as an
 * outage.
 */
export function addGaps(
  gaps: Gaps,
  { entries, executorId }: { entries: readonly LoggedEntry[]; executorId: string },
  of: { losses: readonly Loss[]; outages: readonly { from: number; to: number }[] },
): void {
  let owner = entries[0]
  for (const entry of entries) {
    if (entry.type !== 'claimed') continue
    const { writer, at: since } = owner ?? entry
    owner = entry
    const loss = of.losses.findLast(
      (candidate) =>
        candidate.at <= entry.at &&
        candidate.at >= since &&
        (candidate.executorId === executorId || candidate.writer === writer),
    )
    const ms = loss ? entry.at - loss.at : 0
    const wasOut = loss && of.outages.some(({ from, to }) => from < entry.at && to > loss.at)
    gaps[loss ? (wasOut ? 'outage' : loss.kind) : 'other'].push(ms)
  }
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
