import { Failure } from '@codegen/protocol/failure'
import type { FailureCode } from '@codegen/protocol/failure'
import type { ModelBounds } from './answer.ts'

/** A fault that may be gone the next time. */
export type Transient = {
  readonly kind: 'transient'
  /** The beginning of a sentence; `next` is what a person can do. */
  readonly reason: string
  readonly next: string
  /** What it is when it does not go away. */
  readonly code: FailureCode
  readonly attemptsMax: number
  /** How long the server wants to be left alone. */
  readonly askedWaitMs?: number | undefined
  /** A server that has never answered may not be there at all. */
  readonly isAddressInDoubt?: boolean
}

export type Attempts = {
  /** Attempts made, this one included. */
  readonly made: number
  readonly waitedMs: number
  /** Whether this server has ever answered. */
  readonly isProven: boolean
}

/** Decides whether a request is made again, and when. `random` is a number in [0, 1). */
export function nextAttempt(
  trouble: Transient,
  attempts: Attempts,
  of: { bounds: ModelBounds; random: number },
): NextAttempt {
  const { bounds, random } = of
  const isInDoubt = trouble.isAddressInDoubt && !attempts.isProven
  const attemptsMax = isInDoubt ? bounds.attemptsUnprovenMax : trouble.attemptsMax
  const backOffMs = Math.min(bounds.retryMsMax, bounds.retryMsMin * 2 ** (attempts.made - 1))
  // What the server asks for is the least, spread a little so that not all come back at once.
  const waitMs =
    trouble.askedWaitMs === undefined ? backOffMs * (0.5 + random / 2) : trouble.askedWaitMs + (backOffMs / 4) * random
  if (attempts.made >= attemptsMax) return giveUp(trouble, `after ${attempts.made} attempts`)
  if (attempts.waitedMs + waitMs > bounds.retryMsTotalMax) {
    return giveUp(trouble, `because it wants ${Math.round((trouble.askedWaitMs ?? waitMs) / 1000)} s of waiting`)
  }
  return { kind: 'wait', ms: waitMs }
}

export type NextAttempt =
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'give-up'; readonly failure: Failure }

function giveUp(trouble: Transient, why: string): NextAttempt {
  return { kind: 'give-up', failure: new Failure(trouble.code, `${trouble.reason}, given up ${why}: ${trouble.next}.`) }
}

/** How long a server wants to be left alone, from its headers: milliseconds, seconds or a date by its own clock. */
export function retryAfterMs(headers: Headers): number | undefined {
  const precise = toWait(headers.get('retry-after-ms'), 1)
  if (precise !== undefined) return precise
  const asked = headers.get('retry-after')
  const seconds = toWait(asked, 1000)
  if (seconds !== undefined) return seconds
  const until = Date.parse(asked ?? '')
  if (Number.isNaN(until)) return undefined
  const now = Date.parse(headers.get('date') ?? '')
  return Math.max(0, until - (Number.isNaN(now) ? Date.now() : now))
}

function toWait(text: string | null, unitMs: number): number | undefined {
  return text !== null && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) * unitMs : undefined
}
