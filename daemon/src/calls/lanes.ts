/** Where calls wait for their turn. */
export type Lanes = {
  /** Runs `work` after all earlier work of the same run in this lane has ended. */
  inOrder<Result>(generationId: string, work: () => Promise<Result>): Promise<Result>
  /** Runs `work` as soon as fewer than the limit are running in this lane. */
  inParallel<Result>(work: () => Promise<Result>): Promise<Result>
}

/** Empty lanes: one for each run, and one for everybody with `parallelMax` places. */
export function createLanes(parallelMax: number): Lanes {
  const lastOfRun = new Map<string, Promise<unknown>>()
  const waiting: (() => void)[] = []
  let running = 0

  async function enter(): Promise<void> {
    if (running < parallelMax) running += 1
    else await new Promise<void>((resolve) => waiting.push(resolve))
  }

  /** Whoever waits longest takes over the place, so that the count stays. */
  function leave(): void {
    const next = waiting.shift()
    if (next) next()
    else running -= 1
  }

  return {
    inOrder(generationId, work) {
      const before = lastOfRun.get(generationId)
      const mine = before ? before.then(work) : work()
      const settled = mine
        .catch(() => undefined)
        .then(() => {
          if (lastOfRun.get(generationId) === settled) lastOfRun.delete(generationId)
        })
      lastOfRun.set(generationId, settled)
      return mine
    },
    async inParallel(work) {
      await enter()
      try {
        return await work()
      } finally {
        leave()
      }
    },
  }
}
