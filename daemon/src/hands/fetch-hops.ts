import { lookup as lookupAtSystem } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import type { FetchOptions, FetchResult } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { Agent, request } from 'undici'
import { limits } from '#limits'
import type { FetchPlace, LookupAll } from './fetch-place.ts'
import { acceptedEncodings, readBody } from './fetch-body.ts'
import { parseAllowedHosts, parseFetchUrl, refusePrivateAddress, refusePrivateLiteral } from './fetch-url.ts'
import type { AllowedHosts } from './fetch-url.ts'

/** One fetch from its URL along its redirects to its bytes, within one deadline. The contract is that of `createFetch`. */
export async function fetchHops(text: string, options: FetchOptions, place: FetchPlace): Promise<FetchResult> {
  const deadline = AbortSignal.timeout(options.timeoutMs)
  const signal = AbortSignal.any([place.signal, deadline])
  const first = parseFetchUrl(text)
  const hopsMax = Math.min(options.redirectsMax, limits.fetchRedirectsMax)
  const allowed = parseAllowedHosts(place.allowedHosts)
  let url = first
  try {
    for (let hop = 0; hop <= hopsMax; hop += 1) {
      const headers = url.origin === first.origin ? options.headers : undefined
      const answer = await fetchOne({ url, options, headers, signal, allowed, lookup: place.lookup })
      if (answer.kind === 'page') return answer.page
      url = toNextHop(url, answer.location)
    }
  } catch (error) {
    throw toFetchFailure(error, { url, options, place, deadline })
  }
  throw new Failure('fetch.failed', `${first.host} redirects more than ${hopsMax} times; it is not followed further.`)
}

type Hop = {
  url: URL
  options: FetchOptions
  headers: FetchOptions['headers']
  signal: AbortSignal
  allowed: AllowedHosts
  lookup: LookupAll | undefined
}

type Answer = { kind: 'page'; page: FetchResult } | { kind: 'redirect'; location: string }

async function fetchOne({ url, options, headers, signal, allowed, lookup }: Hop): Promise<Answer> {
  const isAllowed = allowed.has(url)
  if (!isAllowed) refusePrivateLiteral(url)
  // A connection of its own for each hop: nothing of one answer can reach another host.
  await using agent = createAgent(createLookup(lookup, isAllowed), options.timeoutMs)
  const response = await request(url, {
    dispatcher: agent.dispatcher,
    signal,
    headers: { 'user-agent': 'codegen', accept: '*/*', 'accept-encoding': acceptedEncodings, ...headers },
  })
  const location = single(response.headers['location'])
  if (redirects.has(response.statusCode) && location !== '') {
    response.body.on('error', () => undefined).destroy()
    return { kind: 'redirect', location }
  }
  const encoding = single(response.headers['content-encoding'])
  const { bytes, truncated } = await readBody(response.body, encoding, options.decodedBytesMax)
  const contentType = single(response.headers['content-type'])
  return { kind: 'page', page: { url: url.href, status: response.statusCode, contentType, bytes, truncated } }
}

const redirects = new Set([301, 302, 303, 307, 308])

/** Where a redirect leads. Fails with fetch.blocked for what would leave https, with tool.bad_arguments for what no fetch takes. */
export function toNextHop(from: URL, location: string): URL {
  const next = parseFetchUrl(location, from)
  if (from.protocol === 'https:' && next.protocol === 'http:') {
    throw new Failure('fetch.blocked', `${from.host} redirects from https to http; it is not followed.`)
  }
  return next
}

function createAgent(lookup: LookupFunction, timeoutMs: number): { dispatcher: Agent } & AsyncDisposable {
  const dispatcher = new Agent({
    connect: { lookup, timeout: timeoutMs, rejectUnauthorized: true },
    connections: 1,
    pipelining: 0,
    headersTimeout: timeoutMs,
    bodyTimeout: timeoutMs,
  })
  return { dispatcher, [Symbol.asyncDispose]: () => dispatcher.destroy() }
}

/** A lookup for one connection: whoever connects gets the very addresses that were judged. */
function createLookup(lookup: LookupAll | undefined, isAllowed: boolean): LookupFunction {
  const find: LookupAll = lookup ?? ((hostname) => lookupAtSystem(hostname, { all: true }))
  return (hostname, options, callback) => {
    const judged = find(hostname).then((addresses) => {
      if (!isAllowed) for (const { address } of addresses) refusePrivateAddress(address, hostname)
      const [first] = addresses
      if (!first) throw new Failure('fetch.failed', `${hostname} has no address.`)
      return { addresses: [...addresses], first }
    })
    judged.then(
      ({ addresses, first }) => (options.all ? callback(null, addresses) : callback(null, first.address, first.family)),
      (error: unknown) => callback(error instanceof Error ? error : new Error(String(error)), ''),
    )
  }
}

type Circumstances = { url: URL; options: FetchOptions; place: FetchPlace; deadline: AbortSignal }

function toFetchFailure(thrown: unknown, { url, options, place, deadline }: Circumstances): Failure {
  const failure = failureWithin(thrown)
  if (failure) return failure
  if (place.signal.aborted) {
    return failureWithin(place.signal.reason) ?? new Failure('client.cancelled', 'The fetch was cancelled.')
  }
  if (deadline.aborted) {
    return new Failure('tool.timeout', `${url.host} did not send its answer within ${options.timeoutMs} ms.`)
  }
  const reason = thrown instanceof Error ? reasonOf(thrown) : 'unknown reason'
  return new Failure('fetch.failed', `${url.host} could not be fetched: ${reason}.`, { cause: thrown })
}

/** A Failure that a library handed through as its own error's cause, or as one error of several addresses. */
function failureWithin(thrown: unknown): Failure | undefined {
  if (thrown instanceof Failure) return thrown
  if (thrown instanceof AggregateError) return thrown.errors.map(failureWithin).find(Boolean)
  return thrown instanceof Error && thrown.cause !== undefined ? failureWithin(thrown.cause) : undefined
}

function reasonOf(error: Error): string {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  return error.message === '' ? (code ?? error.name) : error.message
}

function single(header: string | string[] | undefined): string {
  return Array.isArray(header) ? header.join(', ') : (header ?? '')
}
