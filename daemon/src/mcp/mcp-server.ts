import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'

/** A server as somebody wrote it down for his MCP client: nothing in it is expanded yet. */
export type McpServer = {
  readonly name: string
  /** `portable`: by the Agent Plugins specification, which expands the plugin's two folders and nothing else. `open`: as clients have always written it. */
  readonly form: 'portable' | 'open'
  readonly made: StdioServer | HttpServer | WrongServer
}

export type StdioServer = {
  readonly kind: 'stdio'
  readonly command: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly cwd: string | undefined
}

export type HttpServer = {
  readonly kind: 'http'
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** An entry that cannot be used. Its neighbours can. */
export type WrongServer = { readonly kind: 'wrong'; readonly problem: string }

/** Reads the text of a file with `mcpServers`. Fails with plugin.broken where there is nothing of the kind. */
export function parseMcpServers(text: string, file: string): readonly McpServer[] {
  const found = parseJson(text, file)
  const named = isRecord(found) ? (found['mcpServers'] ?? toBareEntries(found)) : undefined
  if (!isRecord(found) || !isRecord(named) || Object.keys(named).length === 0) {
    throw new Failure('plugin.broken', `${file} has no "mcpServers": { "NAME": { "command": ... } or { "url": ... } }.`)
  }
  const entries = Object.entries(named)
  if (entries.length > limits.mcpServersMax) {
    throw new Failure('plugin.broken', `${file} names more than ${limits.mcpServersMax} servers.`)
  }
  const schema = found['$schema']
  const form = typeof schema === 'string' && schema.startsWith(portableSchemas) ? 'portable' : 'open'
  return entries.map(([name, entry]) => ({ name: toServerName(name), form, made: parseEntry(entry) }))
}

const portableSchemas = 'https://agent-plugins.org/schemas/1.'

function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    const reason = error instanceof Error ? error.message : 'not JSON'
    throw new Failure('plugin.broken', `${file} cannot be read: ${reason.slice(0, 200)}.`)
  }
}

/** Some clients leave out `mcpServers` and write the servers alone. */
function toBareEntries(found: Readonly<Record<string, unknown>>): unknown {
  const isEntry = (value: unknown): boolean => isRecord(value) && ('command' in value || 'url' in value)
  return Object.values(found).every(isEntry) ? found : undefined
}

/** What a server is called is part of a path, of a line on a terminal and of its tools' names. */
function toServerName(name: string): string {
  const cleaned = name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[.-]+/, '')
  return cleaned.slice(0, limits.mcpNameCharactersMax) || 'server'
}

function parseEntry(entry: unknown): McpServer['made'] {
  if (!isRecord(entry)) return wrong('it is no object')
  const { type, command, url } = entry
  if (typeof command === 'string' && url === undefined) return parseStdio(command, entry)
  if (typeof url === 'string' && command === undefined) return parseHttp(url, entry)
  if (type === 'stdio') return wrong('it has no "command"')
  return wrong('it must have "command" or "url", one of the two, as a text')
}

function parseStdio(command: string, { type, args = [], env = {}, cwd }: Record<string, unknown>) {
  if (type !== undefined && type !== 'stdio') return wrong('a server with "command" is of "type": "stdio"')
  if (command.trim() === '' || command.includes('\0')) return wrong('"command" names no program')
  if (!isTexts(args)) return wrong('"args" must be a list of texts')
  if (!isTextRecord(env)) return wrong('"env" must have texts alone')
  if (cwd !== undefined && typeof cwd !== 'string') return wrong('"cwd" must be a text')
  return { kind: 'stdio', command, args, env, cwd } as const
}

function parseHttp(url: string, { type = 'http', headers = {} }: Record<string, unknown>) {
  if (type === 'sse') {
    return wrong('"type": "sse" is not spoken here; most servers offer streamable HTTP as well, often at /mcp')
  }
  if (typeof type !== 'string' || !['http', 'streamable-http', 'streamableHttp'].includes(type)) {
    return wrong('a server with "url" is of "type": "http" or "streamable-http"')
  }
  if (!isTextRecord(headers)) return wrong('"headers" must have texts alone')
  return { kind: 'http', url, headers } as const
}

function wrong(problem: string): WrongServer {
  return { kind: 'wrong', problem }
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string' && !one.includes('\0'))
}

function isTextRecord(value: unknown): value is Readonly<Record<string, string>> {
  return isRecord(value) && isTexts(Object.values(value))
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
