import type { RunFinished } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { subscribe } from './run-requests.ts'
import type { RunParts } from './run-requests.ts'

/**
 * A run is over and somebody has not had all of its events: they are asked for again until they have come, and the last of them ends it for each viewer.
 * Only when a server that is there has sent nothing for a long while, viewers are told of the end without them. While there is no link nothing is counted.
 */
export function awaitLastEvents(outcome: RunFinished, parts: Pick<RunParts, 'viewers' | 'outbox'>): void {
  const { viewers, outbox } = parts
  const { generation_id: generationId } = outcome
  let reached = viewers.progress(generationId)
  let tries = 0

  function look(): void {
    if (!viewers.isWatched(generationId)) return clearInterval(timer)
    const now = viewers.progress(generationId)
    if (now !== reached || !outbox.isConnected()) {
      reached = now
      tries = 0
      return
    }
    tries += 1
    if (tries <= limits.lastEventsTriesMax) return subscribe(parts, generationId, viewers.restart(generationId))
    clearInterval(timer)
    viewers.giveUp(outcome)
  }

  const timer = setInterval(look, limits.lastEventsMs).unref()
}
