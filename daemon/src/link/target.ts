import { Failure } from '@codegen/protocol/failure'

/** Where Maestro is, for both of its interfaces. */
export type Target = {
  /** As it may be shown: without user, password and query. */
  readonly shown: string
  /** What the WebSocket is opened with. */
  readonly socketUrl: string
  /** What the HTTP interface is asked with. `base` is what comes before `/v1`. */
  readonly http: { readonly base: string } & (
    | { readonly secure: boolean; readonly host: string; readonly port: string }
    | { readonly socketPath: string }
  )
}

const form = 'it has to look like wss://host:port/v1/executor or ws+unix:/path/to.sock:/v1/executor'

/** Reads CODEGEN_MAESTRO_URL. Fails with config.invalid. */
export function parseTarget(url: string): Target {
  const parsed = URL.canParse(url) ? new URL(url) : undefined
  if (parsed?.protocol === 'ws+unix:') return toUnixTarget(url, parsed)
  if (parsed?.protocol !== 'ws:' && parsed?.protocol !== 'wss:') {
    throw new Failure('config.invalid', `CODEGEN_MAESTRO_URL is "${shorten(url)}"; ${form}.`)
  }
  if (parsed.username || parsed.password || parsed.search) {
    throw new Failure(
      'config.invalid',
      'CODEGEN_MAESTRO_URL holds a secret or a query; put the token into CODEGEN_TOKEN.',
    )
  }
  if (parsed.pathname === '/' || parsed.pathname === '') parsed.pathname = '/v1/executor'
  const secure = parsed.protocol === 'wss:'
  // Brackets belong to the URL's spelling of an IPv6 address, not to the address.
  const host = parsed.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = parsed.port || (secure ? '443' : '80')
  return { shown: parsed.href, socketUrl: parsed.href, http: { base: toBase(parsed.pathname), secure, host, port } }
}

function toUnixTarget(url: string, parsed: URL): Target {
  const [socketPath = '', path] = parsed.pathname.split(':')
  if (!socketPath.startsWith('/') || !path?.startsWith('/')) {
    throw new Failure('config.invalid', `CODEGEN_MAESTRO_URL is "${shorten(url)}"; ${form}.`)
  }
  return { shown: url, socketUrl: url, http: { base: toBase(path), socketPath } }
}

function toBase(path: string): string {
  return path.replace(/\/v1\/executor\/?$/, '').replace(/\/$/, '')
}

function shorten(url: string): string {
  return url
    .replace(/\/\/[^/@]*@/, '//')
    .replace(/\?.*/s, '')
    .slice(0, 200)
}
