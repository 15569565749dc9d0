import { readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { parseMcpServers } from '#mcp/mcp-server'
import type { McpServer } from '#mcp/mcp-server'

/** The servers that lie somewhere in `plugins/`, and the version of what brings them. */
export type FoundServers = { readonly servers: readonly McpServer[]; readonly version: string }

/** A file that names servers. */
export function isServersFile(name: string): boolean {
  return name.endsWith('.mcp.json') && name !== '.mcp.json'
}

/** The servers of such a file, or of a folder with a `plugin.json` of other clients; undefined for anything else. Fails with plugin.broken where what is written cannot be read. */
export async function readServers(path: string, files: readonly string[]): Promise<FoundServers | undefined> {
  if (files.includes('')) return { servers: await parseFile(path), version: '' }
  if (files.includes('package.json') && (await readText(join(path, 'package.json'))).includes('"codegen"'))
    return undefined
  const manifest = files.find((file) => file === 'plugin.json' || file === '.claude-plugin/plugin.json')
  const servers = ['mcp.json', '.mcp.json'].find((file) => files.includes(file))
  if (manifest === undefined || servers === undefined) return undefined
  return { servers: await parseFile(join(path, servers)), version: await readVersion(join(path, manifest)) }
}

async function parseFile(path: string): Promise<readonly McpServer[]> {
  const found = new Map<string, McpServer>()
  for (const server of parseMcpServers(await readText(path), basename(path))) {
    if (!found.has(server.name)) found.set(server.name, server)
  }
  return [...found.values()]
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

async function readVersion(path: string): Promise<string> {
  try {
    const found: unknown = JSON.parse(await readText(path))
    const version = typeof found === 'object' && found !== null && 'version' in found ? found.version : ''
    return typeof version === 'string' ? version.slice(0, 100) : ''
  } catch {
    return ''
  }
}
