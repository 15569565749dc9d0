import { createHash, timingSafeEqual } from 'node:crypto'
import { Failure } from '@codegen/protocol/failure'
import type { Principal } from '#executors/ports'
import type { Authenticate } from './ports.ts'

/**
 * Judges bearer tokens. Every known token is compared, in constant time, whatever the answer: how long it takes says nothing about how
 * near a guess was.
 */
export function createAuthenticate(tokens: readonly string[]): Authenticate {
  const known = tokens.map((token) => ({ digest: digestOf(token), principal: toPrincipal(token) }))
  return (authorization) => {
    const token = /^Bearer ([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) {
      throw new Failure('server.unauthenticated', 'This needs a token: send the header "Authorization: Bearer TOKEN".')
    }
    const digest = digestOf(token)
    let found: Principal | undefined
    for (const candidate of known) {
      if (timingSafeEqual(candidate.digest, digest)) found = candidate.principal
    }
    if (!found)
      throw new Failure(
        'server.unauthenticated',
        'The token is not known here; check CODEGEN_TOKEN against MAESTRO_TOKENS.',
      )
    return found
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}

/** The name of a token that may be written down: it does not give the token away. */
function toPrincipal(token: string): Principal {
  return { teamId: 'default', name: `token-${digestOf(`principal:${token}`).toString('hex').slice(0, 16)}` }
}
