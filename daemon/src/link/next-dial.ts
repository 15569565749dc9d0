import { backOffMs } from './back-off.ts'
import type { ConnectionEnd } from './connection.ts'
import { limits } from '#limits'

/** How a dial, or the link that came of it, ended. */
export type DialEnd = Pick<ConnectionEnd, 'failure' | 'epoch'> & Partial<Pick<ConnectionEnd, 'wasWelcomed'>>

/** After how long to dial again, and how many dials in a row have failed by then. `livedMs` is how long the attempt and its link lasted. */
export function nextDial(
  { failure, epoch, wasWelcomed = false }: DialEnd,
  { failures, livedMs, random }: { failures: number; livedMs: number; random: number },
): { waitMs: number; failures: number } {
  // The server told the epoch in force: this dial is the newest one, so it follows at once, but not in a circle.
  if (epoch !== undefined && failures === 0) return { waitMs: 0, failures: 1 }
  if (!failure.retryable) return { waitMs: Math.round(limits.refusedRetryMs * (0.5 + random / 2)), failures }
  const held = livedMs >= limits.linkSteadyMs ? 0 : Math.min(failures, limits.linkShortMax)
  const before = wasWelcomed ? held : failures
  return { waitMs: Math.max(backOffMs(before, random), 1), failures: before + 1 }
}
