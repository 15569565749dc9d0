import type { SpawnOptions, ToolContext } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { RpcMethod } from '@codegen/protocol/peer'
import { Type } from 'typebox'
import type { Static, TProperties, TObject } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '#limits'
import type { PluginPermissions } from './manifest.ts'
import type { ContextMethods } from './runner-messages.ts'

/** A call that runs in a plugin's process: its hands, and what they may do. */
export type OpenCall = {
  readonly context: ToolContext
  readonly permissions: PluginPermissions
  /** It says of itself that it only reads: then it gets no hands to write with. */
  readonly readOnly: boolean
  readonly told: (method: string, parameters: unknown) => void
}

type Asked = { readonly call: OpenCall; readonly signal: AbortSignal }
type FindCall = (callId: string) => OpenCall | undefined

/**
 * What a plugin's process may ask of codegend, as methods of its peer. Every one names its call; one that names no open call is refused, and so is what the manifest
 * did not ask for.
 */
export function createContextMethods(find: FindCall): Record<keyof ContextMethods, RpcMethod> {
  return { ...toFileMethods(find), ...toOtherMethods(find) }
}

const text = Type.String()
const count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
const bytesMax = Type.Object({ bytesMax: count, shown: Type.Optional(Type.Boolean()) })
const writeOptions = Type.Object({
  ifDigest: Type.Optional(Type.Union([text, Type.Null()])),
  mode: Type.Optional(Type.Integer({ minimum: 0, maximum: 0o777 })),
})

function toFileMethods(find: FindCall) {
  return {
    'files/read': method(find, { path: text, options: bytesMax }, async ({ path, options }, { call }) => {
      return toText(await reading(call).files.read(path, bounded(options)))
    }),
    'files/readHead': method(find, { path: text, options: bytesMax }, async ({ path, options }, { call }) => {
      return toText(await reading(call).files.readHead(path, bounded(options)))
    }),
    'files/stat': method(
      find,
      { path: text },
      async ({ path }, { call }) => (await reading(call).files.stat(path)) ?? null,
    ),
    'files/write': method(
      find,
      { path: text, bytes: text, options: writeOptions },
      ({ path, bytes, options }, { call }) => writing(call).files.write(path, Buffer.from(bytes, 'base64'), options),
    ),
    'files/remove': method(
      find,
      { path: text, options: Type.Object({ ifDigest: text }) },
      async ({ path, options }, { call }) => {
        await writing(call).files.remove(path, options)
        return null
      },
    ),
    'files/lastSeen': method(
      find,
      { path: text },
      async ({ path }, { call }) => (await reading(call).files.lastSeen(path)) ?? null,
    ),
    'files/list': method(
      find,
      { path: text, options: Type.Object({ depth: count, entriesMax: count }) },
      ({ path, options }, { call }) => reading(call).files.list(path, options),
    ),
  }
}

const lineSearch = { path: text, regex: text, glob: Type.Optional(text), context: count, linesMax: count }
const spawnOptions = Type.Object({ cwd: Type.Optional(text), timeoutMs: count, charactersMax: count })
const fetchOptions = Type.Object({
  timeoutMs: count,
  decodedBytesMax: count,
  redirectsMax: count,
  headers: Type.Optional(Type.Record(text, text)),
})

function toOtherMethods(find: FindCall) {
  return {
    'search/paths': method(find, { folder: text, glob: text, pathsMax: count }, (options, { call }) =>
      reading(call).search.paths(options),
    ),
    'search/lines': method(find, lineSearch, (options, { call }) => reading(call).search.lines(options)),
    spawn: method(
      find,
      { command: text, options: spawnOptions, live: Type.Optional(count) },
      ({ command, options, live }, { call }) =>
        spawning(call).spawn(command, live === undefined ? options : { ...options, onOutput: toLive(call, live) }),
    ),
    fetch: method(find, { url: text, options: fetchOptions }, async ({ url, options }, { call }) => {
      const { context, redirectsMax } = fetching(call, url)
      const bounds = {
        decodedBytesMax: Math.min(options.decodedBytesMax, limits.pluginPieceBytesMax),
        redirectsMax: Math.min(options.redirectsMax, redirectsMax),
      }
      return toText(await context.fetch(url, { ...options, ...bounds }))
    }),
    toMarkdown: method(
      find,
      { html: text, options: Type.Object({ baseUrl: text, charactersMax: count }) },
      ({ html, options }, { call }) => call.context.toMarkdown(html, options),
    ),
    ask: method(find, { title: text, detail: Type.Optional(text) }, (question, { call }) => call.context.ask(question)),
  }
}

/** One method: its parameters are checked, its call is found, and the hands do the rest. */
function method<Properties extends TProperties>(
  find: FindCall,
  properties: Properties,
  run: (parameters: Static<TObject<Properties>>, asked: Asked) => unknown,
): RpcMethod {
  let validator: ReturnType<typeof compile> | undefined
  const compile = () => Compile(Type.Object(properties))
  return (parameters, { signal }) => {
    const given = withoutCallId(parameters)
    const call = find(given.callId)
    if (!call) throw new Failure('run.finished', 'There is no such open call in this process.')
    validator ??= compile()
    if (validator.Check(given.rest)) return run(given.rest, { call, signal })
    const [first] = validator.Errors(given.rest)
    const path = first?.instancePath.slice(1).replaceAll('/', '.') || 'the parameters'
    throw new Failure('request.invalid', `"${path}" ${first?.message ?? 'is wrong'}.`)
  }
}

function withoutCallId(parameters: unknown): { callId: string; rest: unknown } {
  if (typeof parameters !== 'object' || parameters === null || !('call_id' in parameters)) {
    return { callId: '', rest: parameters }
  }
  const { call_id, ...rest } = parameters
  return { callId: typeof call_id === 'string' ? call_id : '', rest }
}

function reading({ context, permissions }: OpenCall): ToolContext {
  if (permissions.read.includes('workspace') || permissions.write.includes('workspace')) return context
  throw notAskedFor('"read": ["workspace"]')
}

function writing(call: OpenCall): ToolContext {
  if (!call.permissions.write.includes('workspace')) throw notAskedFor('"write": ["workspace"]')
  return changing(call)
}

function spawning(call: OpenCall): ToolContext {
  if (!call.permissions.exec) throw notAskedFor('"exec": true')
  return changing(call)
}

function changing({ context, readOnly }: OpenCall): ToolContext {
  if (!readOnly) return context
  throw new Failure('tool.denied', 'The tool says of itself that it only reads, so it may change nothing.')
}

/** A redirect may lead to a host the owner was not told of, so only a plugin that asked for all hosts is let follow one. */
function fetching(
  { context, permissions: { net } }: OpenCall,
  url: string,
): { context: ToolContext; redirectsMax: number } {
  if (net.includes('*')) return { context, redirectsMax: limits.fetchRedirectsMax }
  const { hostname = '', host = '' } = URL.parse(url) ?? {}
  if (net.includes(hostname) || net.includes(host)) return { context, redirectsMax: 0 }
  throw notAskedFor(`"net": ["${hostname.slice(0, 200)}"]`)
}

function notAskedFor(permission: string): Failure {
  return new Failure('tool.denied', `The plugin's package.json does not ask for the permission ${permission}.`)
}

function toLive({ told }: OpenCall, live: number): NonNullable<SpawnOptions['onOutput']> {
  return (chunk, stream) => told('spawn/output', { live, chunk, stream })
}

function bounded<Options extends { bytesMax: number }>(options: Options): Options {
  return { ...options, bytesMax: Math.min(options.bytesMax, limits.pluginPieceBytesMax) }
}

function toText<Content extends { readonly bytes: Uint8Array }>(
  content: Content,
): Omit<Content, 'bytes'> & { bytes: string } {
  return { ...content, bytes: Buffer.from(content.bytes).toString('base64') }
}
