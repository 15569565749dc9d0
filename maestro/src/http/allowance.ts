/** How much of something each key may have: `perSecond` in the long run, `burst` at once. */
export type Allowance = {
  /** Takes one. 0: it was there; else after how many milliseconds there will be one. */
  take(key: string): number
  /** After how many milliseconds there will be one; 0: there is. Takes none. */
  look(key: string): number
}

type AllowanceOptions = {
  readonly perSecond: number
  readonly burst: number
  /** Keys that are remembered; beyond, those that have theirs whole again are forgotten, and if none has, all are. */
  readonly keysMax: number
  /** Monotonic milliseconds. */
  now(): number
}

/** Counts by the generic cell rate algorithm: of each key it keeps one number, the moment at which its allowance is whole again. */
export function createAllowance({ perSecond, burst, keysMax, now }: AllowanceOptions): Allowance {
  const spacingMs = 1_000 / perSecond
  const toleranceMs = spacingMs * (burst - 1)
  const wholeAt = new Map<string, number>()

  const waitFor = (key: string): number => Math.max(0, Math.ceil((wholeAt.get(key) ?? 0) - toleranceMs - now()))
  const forget = (): void => {
    for (const [key, at] of wholeAt) if (at <= now()) wholeAt.delete(key)
    if (wholeAt.size >= keysMax) wholeAt.clear()
  }
  return {
    look: waitFor,
    take(key) {
      const wait = waitFor(key)
      if (wait > 0) return wait
      if (wholeAt.size >= keysMax && !wholeAt.has(key)) forget()
      wholeAt.set(key, Math.max(wholeAt.get(key) ?? 0, now()) + spacingMs)
      return 0
    },
  }
}
