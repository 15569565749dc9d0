import type { IncomingMessage } from 'node:http'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { toAddressKey } from './address.ts'
import { createAllowance } from './allowance.ts'
import type { Keyring } from './keyring.ts'
import { createSeats } from './seats.ts'
import type { Seated } from './seats.ts'
import type { Visitor } from './visitor.ts'

/** Everything that decides who comes in and how often, for requests and WebSockets alike. */
export type Door = {
  /** Counts a request for its address, before anything is known of it. Fails with request.too_many. */
  knock(request: IncomingMessage): void
  /**
   * Judges a request: its host, its query, its token, how often that token asks. Fails with request.misdirected, request.invalid,
   * server.unauthenticated or request.too_many.
   */
  admit(request: IncomingMessage): Visitor
  /** Counts a connection that stays, until the returned function is called. Fails with request.too_many or server.full. */
  seat(visitor: Visitor, seated: Seated): () => void
  /** Closes the connections of tokens that open no more. */
  sweep(): void
}

export type DoorOptions = {
  readonly keyring: Keyring
  /** Names this Maestro answers to; undefined: any. */
  readonly hosts: readonly string[] | undefined
  readonly requestsPerSecond: number
  readonly executorsPerToken: number
  readonly viewersPerToken: number
  /** Where a request really comes from; looks behind trusted proxies. */
  addressOf(request: IncomingMessage): string | undefined
  /** Monotonic milliseconds. */
  now(): number
}

export function createDoor(options: DoorOptions): Door {
  const { keyring, requestsPerSecond, now } = options
  const { addressFactor, keysMax, burstSeconds, failures } = limits.door
  const burst = requestsPerSecond * burstSeconds
  const byToken = createAllowance({ perSecond: requestsPerSecond, burst, keysMax, now })
  const perAddress = requestsPerSecond * addressFactor
  const byAddress = createAllowance({ perSecond: perAddress, burst: perAddress * burstSeconds, keysMax, now })
  const failed = createAllowance({ ...failures, keysMax, now })
  /** Tokens that opened from an address: a flood of wrong ones from there does not lock them out. */
  const trusted = new Set<string>()
  const seats = createSeats(options)
  const addressOf = (request: IncomingMessage): string | undefined => toAddressKey(options.addressOf(request))

  const judge = (request: IncomingMessage, address: string | undefined): Visitor => {
    const failedWait = address === undefined ? 0 : failed.look(address)
    try {
      const visitor = { ...keyring.judge(request.headers.authorization), address }
      const pair = `${visitor.tokenDigest} ${address}`
      if (failedWait > 0 && !trusted.has(pair)) throw tooMany(failedWait, 'wrong tokens came from this address')
      if (trusted.size >= keysMax) trusted.clear()
      trusted.add(pair)
      return visitor
    } catch (thrown) {
      if (!(thrown instanceof Failure) || thrown.code !== 'server.unauthenticated' || address === undefined)
        throw thrown
      const wait = failed.take(address)
      throw wait > 0 ? tooMany(wait, 'wrong tokens came from this address') : thrown
    }
  }

  return {
    knock(request) {
      const address = addressOf(request)
      const wait = address === undefined ? 0 : byAddress.take(address)
      if (wait > 0) throw tooMany(wait, 'requests came from this address')
    },
    admit(request) {
      checkHost(request, options.hosts)
      checkQuery(request)
      const visitor = judge(request, addressOf(request))
      const wait = byToken.take(visitor.tokenDigest)
      if (wait > 0) throw tooMany(wait, 'requests came with this token')
      return visitor
    },
    seat: seats.take,
    sweep: () => seats.sweep((tokenDigest) => keyring.opens(tokenDigest)),
  }
}

/** A page whose name was pointed at this server (DNS rebinding) names itself here. */
function checkHost({ headers }: IncomingMessage, hosts: readonly string[] | undefined): void {
  if (!hosts) return
  const name = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/.exec(headers.host ?? '')?.[1]?.toLowerCase()
  if (name !== undefined && hosts.includes(name)) return
  const asked = (headers.host ?? '').slice(0, 200)
  throw new Failure('request.misdirected', `This Maestro is not "${asked}"; name it in MAESTRO_HOSTS if it is.`)
}

/** A token in an address ends up in histories and logs of others. */
function checkQuery({ url = '' }: IncomingMessage): void {
  const query = new URLSearchParams(url.slice(url.indexOf('?') + 1))
  if (!url.includes('?') || !['token', 'access_token', 'authorization'].some((name) => query.has(name))) return
  throw new Failure('request.invalid', 'A token in the address is refused; send it in the Authorization header.')
}

function tooMany(waitMs: number, what: string): Failure {
  return new Failure('request.too_many', `Too many ${what}; wait a moment.`, { retryAfterMs: waitMs })
}
