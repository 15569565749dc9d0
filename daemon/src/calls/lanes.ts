/** Where calls wait for their turn. */
export type Lanes = {
  /** Runs `work` after all earlier work in each of these lanes has ended. */
  inOrder<Result>(names: readonly string[], work: () => Promise<Result>): Promise<Result>
  /** Runs `work` as soon as fewer than the limit are running in this lane. */
  inParallel<Result>(work: () => Promise<Result>): Promise<Result>
}

/** Empty lanes: those that are named, and one for everybody with `parallelMax` places. */
export function createLanes(parallelMax: number): Lanes {
  const lastIn = new Map<string, Promise<unknown>>()
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
    inOrder(names, work) {
      const before = names.flatMap((name) => lastIn.get(name) ?? [])
      const mine = before.length > 0 ? Promise.all(before).then(work) : work()
      const settled = mine
        .catch(() => undefined)
        .then(() => {
          for (const name of names) if (lastIn.get(name) === settled) lastIn.delete(name)
        })
      for (const name of names) lastIn.set(name, settled)
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
