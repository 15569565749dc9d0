/** What of OPENAI_BASE_URL goes where: the path before each request's own, what each request has in its query, and how its key is sent. */
export type ServerAddress = {
  readonly baseUrl: string
  /** Azure's older addresses name their api-version here. */
  readonly query: Readonly<Record<string, string>>
  readonly keyHeader: 'authorization' | 'api-key'
}

/** Azure takes keys in a header of its own: what comes as a bearer it reads as a token of its directory. */
const azure =
  /\.(openai\.azure\.com|cognitiveservices\.azure\.com|services\.ai\.azure\.com|openai\.azure\.us|openai\.azure\.cn)$/

export function toServerAddress(url: URL): ServerAddress {
  return {
    baseUrl: `${url.origin}${url.pathname}`.replace(/\/$/, ''),
    query: Object.fromEntries(url.searchParams),
    keyHeader: azure.test(url.hostname) ? 'api-key' : 'authorization',
  }
}
