import { limits } from './limits.ts'

/** A chat completions request as it came. */
export type SeenRequest = {
  /** From 1, in the order of arrival. */
  readonly number: number
  /** When its last byte had come: milliseconds since 1970, with fractions. */
  readonly arrivedAt: number
  readonly bytes: number
  readonly authorization: string | undefined
  /** The body; the text itself when it is not JSON. */
  readonly body: unknown
}

/** What became of a request: how it was answered, and when the last byte had been handed over. */
export type SeenAnswer = {
  readonly number: number
  readonly conversation?: string
  readonly answer?: number
  readonly attempt?: number
  readonly ending: string
  readonly endedAt: number
}

/** The requests a server has seen, the newest of them in memory. */
export class SeenRequests {
  readonly #requests: SeenRequest[] = []
  readonly #waiting = new Map<number, Set<PromiseWithResolvers<SeenRequest>>>()
  #count = 0
  #bytes = 0
  #stopped = false

  get list(): readonly SeenRequest[] {
    return this.#requests
  }

  /** Remembers a request, and wakes who waits for it. */
  add(request: Omit<SeenRequest, 'number'>): SeenRequest {
    this.#count += 1
    const seen = { number: this.#count, ...request }
    this.#requests.push(seen)
    this.#bytes += seen.bytes
    while (this.#requests.length > limits.seenRequestsMax || this.#bytes > limits.seenBytesMax) {
      this.#bytes -= this.#requests.shift()?.bytes ?? 0
    }
    for (const waiting of this.#waiting.get(seen.number) ?? []) waiting.resolve(seen)
    this.#waiting.delete(seen.number)
    return seen
  }

  /** Waits for the n-th request, from 1. Rejects when the server stops first, the signal aborts, or it was forgotten. */
  async next(number: number, signal?: AbortSignal): Promise<SeenRequest> {
    signal?.throwIfAborted()
    const seen = this.#requests.find((request) => request.number === number)
    if (seen) return seen
    if (number <= this.#count) throw new Error(`Request ${String(number)} is no longer remembered.`)
    if (this.#stopped) throw this.#tooEarly(number)

    const waiting = Promise.withResolvers<SeenRequest>()
    const abort = () => waiting.reject(signal?.reason)
    this.#waiting.set(number, (this.#waiting.get(number) ?? new Set()).add(waiting))
    signal?.addEventListener('abort', abort, { once: true })
    try {
      return await waiting.promise
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  /** Rejects all who still wait. */
  stop(): void {
    this.#stopped = true
    for (const [number, group] of this.#waiting) {
      for (const waiting of group) waiting.reject(this.#tooEarly(number))
    }
    this.#waiting.clear()
  }

  #tooEarly(number: number): Error {
    return new Error(
      `The scripted model stopped after ${String(this.#count)} requests; request ${String(number)} never came.`,
    )
  }
}
