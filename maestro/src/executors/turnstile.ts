/** Lets so many works in at once; the others wait outside in the order in which they came. */
export type Turnstile = { pass<Result>(work: () => Promise<Result>): Promise<Result> }

export function createTurnstile(insideMax: number): Turnstile {
  const outside: (() => void)[] = []
  let inside = 0
  return {
    async pass(work) {
      if (inside >= insideMax) await new Promise<void>((resolve) => outside.push(resolve))
      else inside += 1
      try {
        return await work()
      } finally {
        // Whoever is next takes the place.
        const next = outside.shift()
        if (next) next()
        else inside -= 1
      }
    },
  }
}
