import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { Failure } from '@codegen/protocol/failure'
import { findTracesUrl } from '@codegen/tracing/traces-url'
import { limits } from './limits.ts'
import { parsePrices } from './model-prices.ts'
import type { ModelPrice } from './model-prices.ts'

/** Everything Maestro is told from outside, read once. */
export type Config = {
  readonly listen:
    | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
    | { readonly kind: 'unix'; readonly path: string }
  /** Started by a codegend for itself: it speaks to its parent over stdin and stdout and ends with it. */
  readonly isPrivate: boolean
  readonly stateFolder: string
  readonly databaseUrl: string | undefined
  readonly redisUrl: string | undefined
  readonly tokens: readonly string[]
  /** More tokens, one a line, read again when it changes. */
  readonly tokensFile: string | undefined
  /** Names under which it is asked; undefined: any. */
  readonly hosts: readonly string[] | undefined
  /** Proxies whose X-Forwarded-For is believed: addresses, ranges, or words such as loopback. */
  readonly trustedProxies: readonly string[]
  /** What one token may have of this replica. */
  readonly perToken: { readonly requestsPerSecond: number; readonly executors: number; readonly viewers: number }
  /** A run that waits for a person is put out of memory after this. */
  readonly parkAfterMs: number
  /** How often runs are looked for that nobody comes back for. */
  readonly sweepMs: number
  /** Where spans are sent; undefined: there are none. */
  readonly tracesUrl: string | undefined
  readonly model: {
    readonly apiKey?: string
    readonly baseUrl?: string
    readonly model?: string
    readonly api: 'chat' | 'responses'
    readonly reasoningSummary?: 'auto' | 'concise' | 'detailed'
    readonly contextTokens?: number
    readonly prices?: readonly ModelPrice[]
    /** The environment, for the variables that name a proxy. */
    readonly proxies: NodeJS.ProcessEnv
  }
}

export const usage = `Usage: maestro [--host HOST] [--port PORT]
       maestro replay RUN --verify | --from N [--model M]

Starts the Maestro server. It prints its URL and where its token is. maestro replay checks a recorded run, or forks it: maestro replay --help.

  --host HOST     address to listen on (MAESTRO_HOST, default 127.0.0.1)
  --port PORT     port to listen on (MAESTRO_PORT, default 7717)
  --state DIR     where its own Postgres and token are kept (default $CODEGEN_HOME/maestro)
  --socket PATH   listen on a Unix socket instead of a port
  --private       serve the codegend that started it: ready line on stdout, ends when stdin closes
  --help, --version

The model (docs/models.md): OPENAI_API_KEY, OPENAI_BASE_URL, CODEGEN_MODEL; CODEGEN_MODEL_API (chat, the default, or responses),
CODEGEN_MODEL_CONTEXT (tokens that fit into it), CODEGEN_MODEL_REASONING_SUMMARY (auto, concise or detailed; Responses API), CODEGEN_MODEL_PRICE (dollars a million tokens, IN/CACHED/OUT).

Environment: DATABASE_URL (Postgres; absent: one of its own),
REDIS_URL (Redis; absent: events stay in this process, one replica only), MAESTRO_TOKENS (comma-separated) and MAESTRO_TOKENS_FILE
(one a line, read again when it changes); without either one is made and kept in the state folder. MAESTRO_HOSTS (names it answers
to), MAESTRO_TRUST_PROXY (proxies whose X-Forwarded-For is believed), MAESTRO_REQUESTS_PER_SECOND (50), MAESTRO_EXECUTORS_PER_TOKEN
(10000), MAESTRO_VIEWERS_PER_TOKEN (500), MAESTRO_PARK_AFTER_SECONDS (30: a run that waits for a person leaves memory),
MAESTRO_SWEEP_SECONDS (60: how often runs are looked for that nobody comes back for), OTEL_EXPORTER_OTLP_ENDPOINT (where traces are sent), CODEGEN_HOME (default ~/.codegen).
`

type Flags = {
  host?: string
  port?: string
  state?: string
  socket?: string
  private?: boolean
  help?: boolean
  version?: boolean
}

/** Reads flags and environment. Fails with config.invalid in one sentence that names the flag or variable and what fits. */
export function readConfig(args: readonly string[], env: NodeJS.ProcessEnv): Config | 'help' | 'version' {
  if (args[0] === 'token')
    throw new Failure('config.invalid', 'maestro token does not exist yet; maestro --help shows what it takes.')
  const flags = parseFlags(args)
  if (flags.help) return 'help'
  if (flags.version) return 'version'
  return {
    listen: flags.socket ? { kind: 'unix', path: resolve(flags.socket) } : toAddress(flags, env),
    isPrivate: flags.private === true,
    ...readStorage(flags.state, env),
    redisUrl: toUrl(env, 'REDIS_URL', ['redis:', 'rediss:']),
    tokens: toTokens(env['MAESTRO_TOKENS']),
    tokensFile: env['MAESTRO_TOKENS_FILE'] ? resolve(env['MAESTRO_TOKENS_FILE']) : undefined,
    hosts: toHosts(env['MAESTRO_HOSTS'], flags, env),
    trustedProxies: toList(env['MAESTRO_TRUST_PROXY']),
    perToken: {
      requestsPerSecond: toCount(env, 'MAESTRO_REQUESTS_PER_SECOND', limits.door.requestsPerSecond),
      executors: toCount(env, 'MAESTRO_EXECUTORS_PER_TOKEN', limits.door.executorsPerToken),
      viewers: toCount(env, 'MAESTRO_VIEWERS_PER_TOKEN', limits.door.viewersPerToken),
    },
    parkAfterMs: toSecondsMs(env, 'MAESTRO_PARK_AFTER_SECONDS', limits.parkAfterMs),
    sweepMs: toSecondsMs(env, 'MAESTRO_SWEEP_SECONDS', limits.sweepMs),
    tracesUrl: findTracesUrl(env),
    model: {
      ...(env['OPENAI_API_KEY'] ? { apiKey: env['OPENAI_API_KEY'] } : {}),
      ...(env['OPENAI_BASE_URL'] ? { baseUrl: env['OPENAI_BASE_URL'] } : {}),
      ...(env['CODEGEN_MODEL'] ? { model: env['CODEGEN_MODEL'] } : {}),
      ...toModelSettings(env),
      proxies: env,
    },
  }
}

/** Where runs are kept: in the Postgres of DATABASE_URL, else in one of Maestro's own in the state folder, which `state` may name. Fails as readConfig does. */
export function readStorage(
  state: string | undefined,
  env: NodeJS.ProcessEnv,
): Pick<Config, 'stateFolder' | 'databaseUrl'> {
  const home = env['CODEGEN_HOME'] || join(homedir(), '.codegen')
  return {
    stateFolder: resolve(state ?? join(home, 'maestro')),
    databaseUrl: toUrl(env, 'DATABASE_URL', ['postgres:', 'postgresql:']),
  }
}

function parseFlags(args: readonly string[]): Flags {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        host: { type: 'string' },
        port: { type: 'string' },
        state: { type: 'string' },
        socket: { type: 'string' },
        private: { type: 'boolean' },
        help: { type: 'boolean' },
        version: { type: 'boolean' },
      },
    })
    return values
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : 'a flag is wrong'
    throw new Failure('config.invalid', `${reason.split('.')[0]}; see maestro --help.`, { cause })
  }
}

function toAddress(flags: Flags, env: NodeJS.ProcessEnv): Config['listen'] {
  const text = flags.port ?? env['MAESTRO_PORT'] ?? '7717'
  const port = Number(text)
  if (!/^[0-9]{1,5}$/.test(text) || port > 65_535) {
    throw new Failure(
      'config.invalid',
      `MAESTRO_PORT (or --port) must be a port number from 0 to 65535, not "${text}".`,
    )
  }
  return { kind: 'tcp', host: flags.host ?? (env['MAESTRO_HOST'] || '127.0.0.1'), port }
}

/** On a loopback address only its own names are answered to, so that no page of a browser reaches it under a name of its own (DNS rebinding). */
function toHosts(text: string | undefined, flags: Flags, env: NodeJS.ProcessEnv): readonly string[] | undefined {
  if (flags.socket) return undefined
  const loopback = ['localhost', '127.0.0.1', '[::1]']
  if (text) return [...loopback, ...toList(text).map((name) => name.toLowerCase())]
  const host = flags.host ?? (env['MAESTRO_HOST'] || '127.0.0.1')
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
    ? [...loopback, host.toLowerCase()]
    : undefined
}

function toList(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

function toCount(env: NodeJS.ProcessEnv, name: string, otherwise: number): number {
  const text = env[name]
  if (!text) return otherwise
  if (/^[1-9][0-9]{0,6}$/.test(text)) return Number(text)
  throw new Failure('config.invalid', `${name} must be a whole number from 1 to 9999999, not "${text}".`)
}

/** A setting in seconds, as milliseconds. */
function toSecondsMs(env: NodeJS.ProcessEnv, name: string, otherwiseMs: number): number {
  const text = env[name]
  if (!text) return otherwiseMs
  if (/^[1-9][0-9]{0,4}$/.test(text) && Number(text) <= 86_400) return Number(text) * 1_000
  throw new Failure('config.invalid', `${name} must be a whole number of seconds from 1 to 86400, not "${text}".`)
}

function toUrl(env: NodeJS.ProcessEnv, name: string, protocols: readonly string[]): string | undefined {
  const text = env[name]
  if (!text) return undefined
  if (URL.canParse(text) && protocols.includes(new URL(text).protocol)) return text
  throw new Failure('config.invalid', `${name} must be a URL that begins with ${protocols[0]}//.`)
}

function toModelSettings(
  env: NodeJS.ProcessEnv,
): Pick<Config['model'], 'api' | 'reasoningSummary' | 'contextTokens' | 'prices'> {
  const summary = toChoice(env, 'CODEGEN_MODEL_REASONING_SUMMARY', ['auto', 'concise', 'detailed'] as const)
  const contextTokens = toContextTokens(env['CODEGEN_MODEL_CONTEXT'])
  const prices = parsePrices(env['CODEGEN_MODEL_PRICE'] ?? '')
  return {
    api: toChoice(env, 'CODEGEN_MODEL_API', ['chat', 'responses'] as const) ?? 'chat',
    ...(summary ? { reasoningSummary: summary } : {}),
    ...(contextTokens ? { contextTokens } : {}),
    ...(prices.length > 0 ? { prices } : {}),
  }
}

function toChoice<const Word extends string>(
  env: NodeJS.ProcessEnv,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = env[name]?.trim()
  if (!text) return undefined
  const word = words.find((one) => one === text)
  if (word) return word
  throw new Failure('config.invalid', `${name} must be one of ${words.join(', ')}, not "${text}".`)
}

function toContextTokens(text: string | undefined): number | undefined {
  if (!text) return undefined
  const tokens = Number(text)
  if (/^\s*[0-9]{4,9}\s*$/.test(text) && tokens >= limits.model.contextTokensMin) return tokens
  throw new Failure(
    'config.invalid',
    `CODEGEN_MODEL_CONTEXT must be a number of tokens of at least ${limits.model.contextTokensMin}, such as 32768, not "${text}".`,
  )
}

function toTokens(text: string | undefined): string[] {
  if (!text) return []
  const tokens = text.split(',').map((token) => token.trim())
  if (tokens.some((token) => token.length < 16 || !/^[\x21-\x7e]+$/.test(token))) {
    throw new Failure(
      'config.invalid',
      'MAESTRO_TOKENS holds a token of under 16 characters or with blanks in it; make one with: openssl rand -hex 32',
    )
  }
  return tokens
}
