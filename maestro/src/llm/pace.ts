import type { Socket } from 'node:net'
import type { ModelBounds } from './answer.ts'

/** Decides when an answer's connection is read. */
export type Pace = {
  /** A piece of the answer was read. */
  sign(): void
  /** The answer is over: its connection is read at once again. */
  end(): void
}

/**
 * Reads a fast answer less often: after `quickReadsMin` reads in a row, each within `paceMs` of the one before, the connection rests for `paceMs` between two
 * reads, for as long as there is more than one piece to read after each rest. Every read wakes three processes, and what they show is no
 * later for a person. A slow answer, and the beginning of any, is read as it comes.
 */
export function createPace(socket: Socket, bounds: Pick<ModelBounds, 'paceMs' | 'quickReadsMin'>): Pace {
  const { paceMs, quickReadsMin } = bounds
  let readAt = 0
  let pieces = 0
  let quickReads = 0
  let resting: NodeJS.Timeout | undefined

  /** All pieces of one read come in one turn of the event loop. */
  const afterRead = (): void => {
    const now = performance.now()
    const isQuick = quickReads > quickReadsMin ? pieces > 1 : now - readAt < paceMs
    quickReads = isQuick ? quickReads + 1 : 0
    pieces = 0
    readAt = now
    if (quickReads <= quickReadsMin || socket.destroyed) return
    socket.pause()
    resting = setTimeout(rested, paceMs)
  }
  const rested = (): void => {
    resting = undefined
    socket.resume()
  }

  return {
    sign() {
      pieces += 1
      if (pieces === 1) setImmediate(afterRead)
    },
    end() {
      quickReads = -Infinity
      if (!resting) return
      clearTimeout(resting)
      rested()
    },
  }
}
