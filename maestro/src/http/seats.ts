import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { Visitor } from './visitor.ts'

/** A connection that stays. */
export type Seated = {
  readonly kind: 'executor' | 'viewer'
  /** Its token opens no more. */
  close(): void
}

type Seats = {
  take(visitor: Visitor, seated: Seated): () => void
  sweep(opens: (tokenDigest: string) => boolean): void
}

/** Counts the connections that stay, by token and by address, and finds them again when their token is taken away. */
export function createSeats(most: { readonly executorsPerToken: number; readonly viewersPerToken: number }): Seats {
  const taken = new Map<Seated, Visitor>()
  const counts = new Map<string, number>()
  const perToken = { executor: most.executorsPerToken, viewer: most.viewersPerToken }
  const total = { executor: limits.door.executorsMax, viewer: limits.door.viewersMax }

  const count = (name: string, change: number): void => {
    const next = (counts.get(name) ?? 0) + change
    if (next === 0) counts.delete(name)
    else counts.set(name, next)
  }
  return {
    take(visitor, seated) {
      const { kind } = seated
      const { tokenDigest, address } = visitor
      const names = [kind, `${kind} ${tokenDigest}`, ...(address === undefined ? [] : [`${kind} at ${address}`])]
      const [all = 0, ofToken = 0, ofAddress = 0] = names.map((name) => counts.get(name) ?? 0)
      const retryAfterMs = limits.door.fullRetryMs
      if (all >= total[kind])
        throw new Failure('server.full', `This Maestro has ${all} ${kind} connections, as many as it takes.`, {
          retryAfterMs,
        })
      if (ofToken >= perToken[kind] || ofAddress >= perToken[kind] * limits.door.addressFactor)
        throw new Failure('request.too_many', `Too many ${kind} connections are open already; close some.`, {
          retryAfterMs,
        })
      taken.set(seated, visitor)
      for (const name of names) count(name, 1)
      return () => {
        if (taken.delete(seated)) for (const name of names) count(name, -1)
      }
    },
    sweep(opens) {
      for (const [seated, { tokenDigest }] of [...taken]) if (!opens(tokenDigest)) seated.close()
    },
  }
}
