/**
 * How long a run has worked. It stands still while the run waits for a person; the time it waits for an absent executor is no part of what it begins
 * with.
 */
export class WorkClock {
  readonly #now: () => number
  readonly #onDue: () => void
  readonly #dueMs: number
  #workedMs: number
  /** Since when it runs; undefined: it stands still. */
  #since: number | undefined
  #timer: NodeJS.Timeout | undefined

  /** `onDue` is called when `dueMs` of work are used up, unless it was closed before. */
  constructor(of: { now(): number; workedMs: number; dueMs: number; onDue(): void }) {
    this.#now = () => of.now()
    this.#onDue = () => of.onDue()
    this.#dueMs = of.dueMs
    this.#workedMs = of.workedMs
    this.start()
  }

  workedMs(): number {
    return this.#workedMs + (this.#since === undefined ? 0 : this.#now() - this.#since)
  }

  start(): void {
    if (this.#since !== undefined) return
    this.#since = this.#now()
    this.#timer = setTimeout(() => this.#onDue(), Math.max(0, this.#dueMs - this.#workedMs))
    this.#timer.unref()
  }

  stop(): void {
    this.#workedMs = this.workedMs()
    this.#since = undefined
    clearTimeout(this.#timer)
  }
}
