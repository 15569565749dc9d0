import type { Fetch } from '@codegen/kit'
import type { FetchPlace } from './fetch-place.ts'

/**
 * The only way to the network: GET over http or https to public addresses and the owner's hosts, judged at the literal, at the lookup whose addresses are
 * the ones connected to, and at each redirect. Carries no cookies, no credentials and no connection from one fetch to the next and ignores proxy
 * variables. Fails with fetch.blocked, fetch.failed, tool.bad_arguments, or tool.timeout; any answered status is a result.
 */
export function createFetch(place: FetchPlace): Fetch {
  // Reading the HTTP client takes longer than codegend has for its start.
  return async (url, options) => (await import('./fetch-hops.ts')).fetchHops(url, options, place)
}
