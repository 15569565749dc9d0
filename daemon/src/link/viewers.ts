import { compareEventPositions, parseEventId, toEventId } from '@codegen/protocol/ids'
import type { EventPosition } from '@codegen/protocol/ids'
import { readRunFact } from '@codegen/protocol/wire'
import type { RunEvent, RunFinished } from '@codegen/protocol/wire'

/** Somebody who watches one run. Events come in order; nothing comes after `finished`, nor after a detach. */
export type RunViewer = { event(event: RunEvent): void; finished(outcome: RunFinished): void }

/** Who watches which run, and how far each has come. */
export type Viewers = {
  /** From `after` on; returns how to stop. */
  attach(generationId: string, viewer: RunViewer, after?: string): () => void
  /** Passes an event to those who have not had it and lack none before it. `gap`: some lack one, and the stream has to begin again. */
  event(event: RunEvent): 'taken' | 'unwatched' | 'gap'
  /**
   * The run is over, as told outside of its events: whoever has had them all is told. True when somebody lacks some; the last of these, or `giveUp`, tells them.
   */
  finished(outcome: RunFinished): boolean
  /** What a run's viewers lack will not come: they are told of its end without it. */
  giveUp(outcome: RunFinished): void
  /** Differs from before when any viewer of the run has come further. */
  progress(generationId: string): string
  isWatched(generationId: string): boolean
  watchedRuns(): string[]
  /**
   * Where the run's stream has to begin again so that nobody misses anything; undefined: at its beginning. Until that stream arrives, what is still on
   * its way from the one before is not taken for it.
   */
  restart(generationId: string): string | undefined
}

/** `awaitsRestart`: only an event that follows directly is taken, because others may be of the stream before. */
type Place = { readonly viewer: RunViewer; last: EventPosition; awaitsRestart: boolean }

type Watched = Map<string, Set<Place>>

const beginning: EventPosition = { position: 0, k: 0 }

export function createViewers(): Viewers {
  const runs: Watched = new Map()

  return {
    attach(generationId, viewer, after) {
      const place: Place = { viewer, last: (after && parseEventId(after)) || beginning, awaitsRestart: true }
      const places = runs.get(generationId) ?? new Set()
      runs.set(generationId, places.add(place))
      return () => remove(runs, generationId, place)
    },
    event(event) {
      const places = runs.get(event.generation_id)
      const position = parseEventId(event.event_id)
      if (!places) return 'unwatched'
      if (!position) return 'taken'
      let isGap = false
      for (const place of places) {
        const how = follow(place, position)
        if (how === 'next') place.viewer.event(event)
        else isGap ||= how === 'gap'
      }
      const outcome = toOutcome(event)
      // A repeated end ends whoever had it before, too: nothing else would.
      if (outcome)
        finish(
          runs,
          outcome,
          [...places].filter(({ last }) => compareEventPositions(last, position) >= 0),
        )
      return isGap ? 'gap' : 'taken'
    },
    finished(outcome) {
      const places = [...(runs.get(outcome.generation_id) ?? [])]
      const end = outcome.last_event_id === undefined ? undefined : parseEventId(outcome.last_event_id)
      // A server that does not say which event is the last is believed when that has come.
      const complete = end ? places.filter((place) => isAt(place, end)) : []
      finish(runs, outcome, complete)
      return complete.length < places.length
    },
    giveUp: (outcome) => finish(runs, outcome, [...(runs.get(outcome.generation_id) ?? [])]),
    progress: (generationId) =>
      [...(runs.get(generationId) ?? [])].map(({ last }) => toEventId(last.position, last.k)).join(' '),
    isWatched: (generationId) => runs.has(generationId),
    watchedRuns: () => [...runs.keys()],
    restart(generationId) {
      let from: EventPosition | undefined
      for (const place of runs.get(generationId) ?? []) {
        place.awaitsRestart = true
        if (!from || compareEventPositions(place.last, from) < 0) from = place.last
      }
      return from && from.position > 0 ? toEventId(from.position, from.k) : undefined
    },
  }
}

function remove(runs: Watched, generationId: string, place: Place): void {
  const places = runs.get(generationId)
  places?.delete(place)
  if (places?.size === 0) runs.delete(generationId)
}

function finish(runs: Watched, outcome: RunFinished, places: readonly Place[]): void {
  for (const place of places) {
    if (!runs.get(outcome.generation_id)?.has(place)) continue
    remove(runs, outcome.generation_id, place)
    place.viewer.finished(outcome)
  }
}

/**
 * Takes the event's position for this viewer's own, when it is the next one: decorations may be skipped, facts may not. Where a stream is awaited that begins
 * again, decorations may not be either: what is skipped may be of the stream before.
 */
function follow(place: Place, position: EventPosition): 'next' | 'old' | 'gap' {
  if (compareEventPositions(position, place.last) <= 0) return 'old'
  const isNext =
    position.k === 0 ? position.position === place.last.position + 1 : position.position === place.last.position
  if (place.awaitsRestart && !(isNext && (position.k === 0 || position.k === place.last.k + 1))) return 'old'
  if (!isNext) return 'gap'
  place.awaitsRestart = false
  place.last = position
  return 'next'
}

function isAt({ last }: Place, end: EventPosition): boolean {
  return compareEventPositions(last, end) >= 0
}

function toOutcome({ event }: RunEvent): RunFinished | undefined {
  if (event.type !== 'run_finished') return undefined
  const fact = readRunFact(JSON.stringify(event))
  return 'payload' in fact && fact.type === 'run_finished' ? fact.payload : undefined
}
