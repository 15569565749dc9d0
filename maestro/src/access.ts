import type { IncomingMessage } from 'node:http'
import { Failure } from '@codegen/protocol/failure'
import { createDoor } from '#http/door'
import type { Door } from '#http/door'
import { createKeyring } from '#http/keyring'
import type { Keyring, Token } from '#http/keyring'
import type { Config } from './config.ts'
import { limits } from './limits.ts'
import { loadOwnToken } from './token.ts'
import { readTokensFile } from './tokens-file.ts'

/** Who may come in, and a token that opens for those who start this Maestro. */
export type Access = {
  readonly door: Door
  readonly token: string
  /** Where the token is that its starter may use: a file that was given, or the one it made for want of any. */
  readonly tokenFile: string | undefined
}

type Warn = (message: string, thrown?: unknown) => void

/** Opens with the tokens of the configuration and of its file, else with one of its own. A token that is taken out of the file opens no more within seconds. */
export async function openAccess(config: Config, warn: Warn, stack: AsyncDisposableStack): Promise<Access> {
  const { tokens, tokenFile } = await readTokens(config)
  const keyring = createKeyring(tokens, Date.now)
  const { requestsPerSecond, executors, viewers } = config.perToken
  const door = createDoor({
    keyring,
    hosts: config.hosts,
    requestsPerSecond,
    executorsPerToken: executors,
    viewersPerToken: viewers,
    addressOf: await toAddressOf(config.trustedProxies),
    now: () => performance.now(),
  })
  const poll = setInterval(() => {
    renew(config, keyring).then(door.sweep, (thrown: unknown) => {
      warn('The file of tokens cannot be used; those that were read before stay.', thrown)
      door.sweep()
    })
  }, limits.door.tokensPollMs)
  poll.unref()
  stack.defer(() => clearInterval(poll))
  return { door, token: tokens[0]?.text ?? '', tokenFile }
}

async function readTokens(config: Config): Promise<{ tokens: Token[]; tokenFile: string | undefined }> {
  const given = config.tokens.map((text): Token => ({ text }))
  if (config.tokensFile) {
    const tokens = [...given, ...(await readTokensFile(config.tokensFile))]
    return { tokens, tokenFile: given.length > 0 ? undefined : config.tokensFile }
  }
  if (given.length > 0) return { tokens: given, tokenFile: undefined }
  const own = await loadOwnToken(config.stateFolder)
  return { tokens: [{ text: own.token }], tokenFile: own.file }
}

async function renew(config: Config, keyring: Keyring): Promise<void> {
  if (config.tokensFile) keyring.replace((await readTokens(config)).tokens)
}

/** Behind proxies that are trusted the address is the first one before them; else it is the socket's. */
async function toAddressOf(proxies: readonly string[]): Promise<(request: IncomingMessage) => string | undefined> {
  if (proxies.length === 0) return (request) => request.socket.remoteAddress
  const { default: proxyAddress } = await import('@fastify/proxy-addr')
  try {
    const trust = proxyAddress.compile([...proxies])
    return (request) => (request.socket.remoteAddress === undefined ? undefined : proxyAddress(request, trust))
  } catch (cause) {
    throw new Failure(
      'config.invalid',
      'MAESTRO_TRUST_PROXY takes addresses, ranges such as 10.0.0.0/8, loopback, linklocal and uniquelocal, with commas between.',
      { cause },
    )
  }
}
