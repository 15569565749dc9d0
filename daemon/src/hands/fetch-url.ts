import { Failure } from '@codegen/protocol/failure'
import { isAddress, isPublicAddress } from './public-address.ts'

/** Hosts, or hosts with a port, that the owner opened to tools although their addresses are not public. */
export type AllowedHosts = { has(url: URL): boolean }

/** Reads the owner's list: `wiki.example`, `10.0.0.5:8080`, `[::1]`. Without a port every port is meant; what is no host allows nothing. */
export function parseAllowedHosts(entries: readonly string[]): AllowedHosts {
  const hosts = new Set(
    entries.flatMap((entry) => {
      const port = /:(\d+)$/.exec(entry)?.[1]
      const url = URL.parse(`http://${entry}`)
      if (!url || url.pathname !== '/' || url.username !== '') return []
      return [port === undefined ? toHost(url) : `${toHost(url)}:${port}`]
    }),
  )
  return { has: (url) => hosts.has(toHost(url)) || hosts.has(`${toHost(url)}:${toPort(url)}`) }
}

/**
 * Reads an address a tool wants to fetch. Fails with tool.bad_arguments for what is no http or https URL or carries a user name or password, which the
 * message does not repeat.
 */
export function parseFetchUrl(text: string, base?: URL): URL {
  // oxlint-disable-next-line no-control-regex -- a URL parser drops some of them without a word, another reader of the same text does not
  if (/[\x00-\x20\x7f]/.test(text)) {
    throw new Failure('tool.bad_arguments', 'The URL holds a space or control character. Encode it with %.')
  }
  const url = URL.parse(text, base?.href)
  if (!url || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new Failure('tool.bad_arguments', 'Only whole http:// and https:// URLs can be fetched.')
  }
  if (url.username !== '' || url.password !== '') {
    throw new Failure('tool.bad_arguments', 'The URL holds a user name or password. Fetch it without.')
  }
  url.hash = ''
  return url
}

/** Fails with fetch.blocked when the URL's host is itself an address that is not public. A name is judged when it is looked up. */
export function refusePrivateLiteral(url: URL): void {
  const host = toHost(url)
  if (isAddress(host)) refusePrivateAddress(host, host)
}

/** Fails with fetch.blocked when an address is not public. */
export function refusePrivateAddress(address: string, host: string): void {
  if (isPublicAddress(address)) return
  const where = address === host ? host : `${host} (${address})`
  throw new Failure('fetch.blocked', `${where} is not on the public Internet, so it is not fetched.`, {
    hint: 'The owner can open it by naming the host under allowedHosts in config.json.',
  })
}

/** The host as it is judged: without brackets and without the dot that ends a full name. */
function toHost(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '')
}

function toPort(url: URL): string {
  if (url.port !== '') return url.port
  return url.protocol === 'https:' ? '443' : '80'
}
