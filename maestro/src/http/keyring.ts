import { createHash, timingSafeEqual } from 'node:crypto'
import { Failure } from '@codegen/protocol/failure'
import type { Principal } from '#executors/ports'

/** A bearer token that opens, for whom, and until when. */
export type Token = {
  readonly text: string
  /** Who it stands for; without one its holder is known by a digest of it. */
  readonly name?: string | undefined
  /** Milliseconds since 1970. */
  readonly expiresAt?: number | undefined
}

/** The tokens that open now. */
export type Keyring = {
  /** Tells who is behind an Authorization header, and a digest that names the token. Fails with server.unauthenticated. */
  judge(authorization: string | undefined): { readonly principal: Principal; readonly tokenDigest: string }
  /** Whether the token of this digest still opens. */
  opens(tokenDigest: string): boolean
  replace(tokens: readonly Token[]): void
}

type Known = { readonly digest: Buffer; readonly principal: Principal; readonly expiresAt: number }

/**
 * Judges bearer tokens. Every known token is compared, in constant time, whatever the answer: how long it takes says nothing about how near a guess was.
 * `now` is the clock of the world.
 */
export function createKeyring(tokens: readonly Token[], now: () => number): Keyring {
  let known = tokens.map(toKnown)
  const find = (digest: Buffer): Known | undefined => {
    let found: Known | undefined
    for (const candidate of known) if (timingSafeEqual(candidate.digest, digest)) found = candidate
    return found
  }
  return {
    judge(authorization) {
      const token = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1]
      if (token === undefined) throw refusal('This needs a token: send the header "Authorization: Bearer TOKEN".')
      const found = find(digestOf(token))
      if (!found) throw refusal('The token is not known here; check CODEGEN_TOKEN against the tokens of this Maestro.')
      if (found.expiresAt <= now())
        throw refusal(`The token expired at ${new Date(found.expiresAt).toISOString()}; ask for a new one.`)
      return { principal: found.principal, tokenDigest: found.digest.toString('hex') }
    },
    opens(tokenDigest) {
      const found = find(Buffer.from(tokenDigest, 'hex'))
      return found !== undefined && found.expiresAt > now()
    },
    replace(renewed) {
      known = renewed.map(toKnown)
    },
  }
}

function toKnown({ text, name, expiresAt = Infinity }: Token): Known {
  return { digest: digestOf(text), principal: { teamId: 'default', name: name ?? toName(text) }, expiresAt }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** The name of a token that may be written down: it does not give the token away. */
function toName(token: string): string {
  return `token-${digestOf(`principal:${token}`).toString('hex').slice(0, 16)}`
}

function refusal(message: string): Failure {
  return new Failure('server.unauthenticated', message)
}
