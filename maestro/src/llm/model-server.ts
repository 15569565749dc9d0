import type { ProxyEnv } from 'node:http'
import { Failure } from '@codegen/protocol/failure'
import type { OpenAI } from 'openai'
import type { DialectName } from '#runs/dialect'
import type { ModelRequest } from '#runs/ports'
import type { ModelBounds } from './answer.ts'
import { Breakdown } from './breakdown.ts'
import { createConnection } from './connection.ts'
import { parseDelta, toRecord } from './delta.ts'
import { createEventParser } from './event-parser.ts'
import type { EventState } from './event-parser.ts'
import type { ModelPrice } from '#model-prices'
import { EventResponse } from './event-response.ts'
import type { ReadEvents } from './event-response.ts'
import { toServerAddress } from './server-address.ts'
import type { ServerName } from './trouble.ts'

/** The model, as its owner names it: from OPENAI_API_KEY, OPENAI_BASE_URL, CODEGEN_MODEL and its like, and the proxy variables. */
export type ModelConfig = {
  readonly apiKey?: string | undefined
  readonly baseUrl?: string | undefined
  readonly model?: string | undefined
  /** The API new runs speak; a run goes on in its own. */
  readonly api?: DialectName | undefined
  /** Asks for summaries of what the model thinks (Responses API). */
  readonly reasoningSummary?: 'auto' | 'concise' | 'detailed' | undefined
  /** Tokens that fit into the model, where its owner knows. */
  readonly contextTokens?: number | undefined
  /** What tokens cost, where its owner said. */
  readonly prices?: readonly ModelPrice[] | undefined
  readonly proxies?: ProxyEnv | undefined
}

/** Takes a chunk of an answer. */
export type OnChunk = (chunk: unknown) => EventState

const paths = { chat: '/chat/completions', responses: '/responses' } as const satisfies Record<DialectName, string>

/** An OpenAI-compatible server. Its methods reject with whatever `toTrouble` reads. */
export type ModelServer = ServerName & {
  readonly isOpenAi: boolean
  /** On this machine or its network, where servers are loaded with less context than their models could take. */
  readonly isLocal: boolean
  /** Sends a request as it is and hands on the chunks of its answer until they are over or `onChunk` wants no more. */
  ask(request: Pick<ModelRequest, 'dialect' | 'body'>, onChunk: OnChunk, signal: AbortSignal): Promise<void>
  /** The names of the models it offers. */
  models(signal: AbortSignal): Promise<string[]>
  /** Loads what a request needs and opens a connection. Never fails. */
  warm(): Promise<void>
  close(): void
}

/** Opens nothing yet. A Failure where the configuration leaves no server to ask. */
export function createModelServer(config: ModelConfig, bounds: ModelBounds): ModelServer | Failure {
  const key = config.apiKey?.trim() || undefined
  const given = config.baseUrl?.trim() || undefined
  const url = URL.parse(given ?? 'https://api.openai.com/v1')
  if (!url || !/^https?:$/.test(url.protocol)) {
    return new Failure('config.invalid', 'OPENAI_BASE_URL is no web address: it looks like http://127.0.0.1:11434/v1.')
  }
  const isOpenAi = url.hostname === 'api.openai.com'
  if (!key && isOpenAi) return unconfigured()
  if (key && !/^[\x21-\x7e]+$/.test(key)) {
    return new Failure(
      'model.unauthenticated',
      'OPENAI_API_KEY holds a character that no request can carry: copy it again.',
    )
  }

  const connection = createConnection(url, { bounds, proxies: config.proxies ?? {} })
  let opened: Promise<OpenAI> | undefined
  let rehearsed: Promise<void> | undefined
  // The package takes 70 ms to load: not before it is needed.
  const open = (): Promise<OpenAI> => (opened ??= openClient({ url, key, fetch: connection.fetch }))

  return {
    address: toServerAddress(url).baseUrl,
    key,
    bounds,
    isOpenAi,
    isLocal: isLocalHost(url.hostname),
    ask: async ({ dialect, body }, onChunk, signal) =>
      await stream(await open(), onChunk, { path: paths[dialect], body, signal }),
    async models(signal) {
      const client = await open()
      const list = toRecord(await client.get('/models', { signal }))['data']
      if (!Array.isArray(list)) throw new Breakdown({ kind: 'garbled', what: 'something else than a list of models' })
      return list.map((entry) => toRecord(entry)['id']).filter((id) => typeof id === 'string')
    },
    async warm() {
      connection.warm()
      await (rehearsed ??= rehearse({ url, key }))
      await open()
    },
    close: () => connection.close(),
  }
}

function isLocalHost(name: string): boolean {
  if (name === 'localhost' || name === '[::1]' || /\.(local|internal|lan|localhost)$/.test(name)) return true
  return !name.includes('.') || /^(127|10|192\.168|172\.(1[6-9]|2\d|3[01])|169\.254)\./.test(name)
}

async function stream(
  client: OpenAI,
  onChunk: OnChunk,
  of: { path: string; body: string; signal: AbortSignal },
): Promise<void> {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
  const { path, ...rest } = of
  const response = await client.post(path, { ...rest, headers }).asResponse()
  if (response instanceof EventResponse) return await response.read((data) => onChunk(JSON.parse(data)))
  const isPage = response.headers.get('content-type')?.includes('html')
  if (isPage) throw new Breakdown({ kind: 'garbled', what: 'a web page' })
  onChunk(await response.json())
}

/** Plays an answer to the client inside this process: what Node and the library load and compile on first use is then there before a user waits for it. */
async function rehearse(of: { url: URL; key: string | undefined }): Promise<void> {
  const play: ReadEvents = (onData) => {
    createEventParser(onData, 100).feed('data: {"choices":[]}\n\ndata: [DONE]\n\n')
    return Promise.resolve()
  }
  const client = await openClient({ ...of, fetch: () => Promise.resolve(new EventResponse({ status: 200 }, play)) })
  const take: OnChunk = (chunk) => (parseDelta(chunk).text === '' ? 'more' : 'enough')
  await stream(client, take, { path: paths.chat, body: '{}', signal: new AbortController().signal })
}

function unconfigured(): Failure {
  const local = 'or for a local server OPENAI_BASE_URL=http://127.0.0.1:11434/v1'
  return new Failure(
    'model.unconfigured',
    `No model is configured: set OPENAI_API_KEY, ${local}; \`npm run demo\` shows CodeGen without one.`,
  )
}

async function openClient(of: { url: URL; key: string | undefined; fetch: typeof globalThis.fetch }): Promise<OpenAI> {
  const { OpenAI: Client } = await import('openai')
  const { url, key, fetch } = of
  const { baseUrl, query, keyHeader } = toServerAddress(url)
  return new Client({
    apiKey: key ?? 'none',
    adminAPIKey: null,
    baseURL: baseUrl,
    fetch,
    maxRetries: 0,
    // Longer than any bound of ours: the client tells a late answer from a dead one less well.
    timeout: 2 ** 31 - 1,
    logLevel: 'off',
    defaultQuery: { ...query },
    ...(key && keyHeader === 'authorization'
      ? {}
      : { defaultHeaders: { authorization: null, ...(key ? { 'api-key': key } : {}) } }),
  })
}
