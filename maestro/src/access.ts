import type { Authenticate } from '#http/ports'
import { createAuthenticate } from '#http/auth'
import type { Config } from './config.ts'
import { loadOwnToken } from './token.ts'

/** Who may come in, and a token that opens for those who start this Maestro. */
export type Access = {
  readonly authenticate: Authenticate
  readonly token: string
  /** Where the token is kept that was made for want of a given one. */
  readonly tokenFile: string | undefined
}

/** Opens with the tokens of the configuration, else with one of its own. */
export async function openAccess(config: Config): Promise<Access> {
  const own = config.tokens.length > 0 ? undefined : await loadOwnToken(config.stateFolder)
  const tokens = own ? [own.token] : config.tokens
  return { authenticate: createAuthenticate(tokens), token: tokens[0] ?? '', tokenFile: own?.file }
}
