import type { LoggedEntry } from './oracle.ts'
import type { Loss } from './world.ts'

/** How long runs were without an owner, by what took the last one from them. Milliseconds. */
export type Gaps = { readonly [Kind in Loss['kind'] | 'outage' | 'other']: Gap[] }

/** One of them, and where. */
export type Gap = {
  readonly ms: number
  readonly run: string
  readonly position: number
  /** Since the trial began. */ readonly at: number
}

export function noGaps(): Gaps {
  return { replica: [], drain: [], cut: [], restart: [], daemon: [], freeze: [], outage: [], other: [] }
}

/**
 * From the first loss after a claim to the next claim, by the worst of what was lost meanwhile: a codegend that has to start first takes longer than a
 * replica that is gone, and a silence has to be noticed. One that was killed several times in a row counts from the last time on: before that nobody was
 * there who could have gone on. Where nobody could have claimed, because no replica or no database was there, it counts as an outage.
 */
export function addGaps(
  gaps: Gaps,
  { entries, executorId, run }: { entries: readonly LoggedEntry[]; executorId: string; run: string },
  of: { startedAt: number; losses: readonly Loss[]; outages: readonly { from: number; to: number }[] },
): void {
  let owner = entries[0]
  for (const entry of entries) {
    if (entry.type !== 'claimed') continue
    const { writer, at: since } = owner ?? entry
    owner = entry
    const losses = of.losses.filter(
      (loss) => loss.at <= entry.at && loss.at >= since && (loss.executorId === executorId || loss.writer === writer),
    )
    const kind = worst.find((candidate) => losses.some((loss) => loss.kind === candidate))
    // A pause alone takes nothing away; what was lost after it does.
    const isKilled = kind === 'daemon'
    const first = isKilled
      ? losses.findLast((loss) => loss.kind === 'daemon')
      : (losses.find((loss) => loss.kind !== 'freeze') ?? losses[0])
    const gap = { ms: first ? entry.at - first.at : 0, run, position: entry.position, at: entry.at - of.startedAt }
    const wasOut = first && of.outages.some(({ from, to }) => from < entry.at && to > first.at)
    gaps[wasOut ? 'outage' : (kind ?? 'other')].push(gap)
  }
}

const worst = ['daemon', 'freeze', 'restart', 'replica', 'drain', 'cut'] as const

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
}
