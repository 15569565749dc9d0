import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { ToolDefinition } from '@codegen/protocol/tool'
import { limits } from '#limits'
import { toMcpProgram } from '#mcp/mcp-program'
import type { McpServer } from '#mcp/mcp-server'
import { toServerAsk } from '#mcp/server-ask'
import { toLaunch } from '#mcp/to-launch'
import type { Manifest, ServerAsk } from '#plugin-process/manifest'
import type { Offer } from '#plugin-process/plugin-process'
import { describeServer, keepOffer } from './describe-server.ts'
import { fail, keptIn, nextState, settle, swapIn, toDataName, withdraw } from './installed-plugin.ts'
import type { InstalledPlugin, PluginParts } from './installed-plugin.ts'
import { digestOf, keepCopy } from './plugin-folder.ts'
import type { FolderLook, KeptCopy } from './plugin-folder.ts'
import type { PluginVersion } from './plugin-version.ts'

/** A server, and the look at the file or folder it was found in. */
export type ServerFound = { readonly server: McpServer; readonly version: string; readonly look: FolderLook }

/** As `tryPlugin`, for one server of the Model Context Protocol. Never fails. */
export async function tryServer(plugin: InstalledPlugin, found: ServerFound, parts: PluginParts): Promise<void> {
  const { server, version, look } = found
  plugin.stamp = look.stamp
  try {
    if (server.made.kind === 'wrong')
      throw new Failure('plugin.broken', `Its entry cannot be used: ${server.made.problem}.`)
    const contentDigest = isFile(look) ? '' : await digestOf(plugin.folder, look.files)
    const ask = toServerAsk(server, contentDigest)
    plugin.manifest = toManifest(server, version, ask)
    if (parts.requireSandbox && ask.command !== undefined) throw notHeld()
    const state = nextState(plugin.manifest, plugin, parts.consent)
    if (state === 'serves') await serve(plugin, { ...found, manifest: plugin.manifest, ask }, parts)
    settle(plugin, state)
    if (state === 'disabled') withdraw(plugin, parts)
  } catch (error) {
    plugin.manifest ??= toManifest(server, version, toServerAsk(server, ''))
    fail(plugin, error, parts)
  }
}

function notHeld(): Failure {
  return new Failure(
    'plugin.refused',
    'The plugin is not loaded: config.json has "requirePluginSandbox", and no sandbox holds an MCP server that is started here. Take the key out, or name a server by its url.',
  )
}

function isFile({ files }: FolderLook): boolean {
  return files.includes('')
}

function toManifest({ name }: McpServer, version: string, server: ServerAsk): Manifest {
  return { name, version, made: { kind: 'server', server }, permissions: asksForNothing }
}

async function serve(
  plugin: InstalledPlugin,
  found: ServerFound & { readonly manifest: Manifest; readonly ask: ServerAsk },
  parts: PluginParts,
): Promise<void> {
  const { server, look, manifest, ask } = found
  const { home, environment } = parts
  const digest = ask.digest.slice(0, 32)
  if (plugin.state === 'serves' && plugin.serving?.digest === digest) return
  const copy = isFile(look) ? undefined : await keepCopy(plugin.folder, look.files, keptIn(home))
  const { name } = manifest
  const dataDir = join(home, 'data', toDataName(name, plugin.root))
  const launch = toLaunch(server, { root: copy?.folder, dataDir, environment })
  const definitionsFile = join(keptIn(home), `${digest}.json`)
  const printed = (text: string): void => parts.logs.printed(name, text)
  const program = toMcpProgram({ name, launch, dataDir, printed, definitionsFile, startMsMax: limits.mcpStartMsMax })
  const opened: PluginVersion[] = []
  const redefined = (offer: Offer): void => {
    const { serving } = plugin
    if (serving && opened.includes(serving)) redefine({ plugin, version: serving, definitionsFile }, offer, parts)
  }
  const { offer, running } = await describeServer(program, redefined)
  opened.push(
    swapIn(plugin, { manifest, program, digest, tools: offer.tools, hooks: noHooks, first: running, redefined }, parts),
  )
  plugin.leftOut = offer.leftOut
  await keepUsed(plugin, { digest, copy }, parts)
}

/** Neither the copy nor the definitions are removed while it serves, and the definitions are there at the next start. */
async function keepUsed(
  { folder, manifest }: InstalledPlugin,
  { digest, copy }: { digest: string; copy: KeptCopy | undefined },
  { copies, log }: PluginParts,
): Promise<void> {
  try {
    await copies.noteGood(`${folder}#${manifest?.name}`, digest)
    if (copy) await copies.noteGood(`${folder}#`, copy.digest)
  } catch (error) {
    log.error('what serves is not on record', error)
  }
}

const noHooks = { before: [], after: [] }
const asksForNothing = { read: [], write: [], exec: false, net: [], env: [], hooks: noHooks }

type Redefined = { readonly plugin: InstalledPlugin; readonly version: PluginVersion; readonly definitionsFile: string }

/** The same server says that its tools are others now. */
function redefine({ plugin, version, definitionsFile }: Redefined, offer: Offer, parts: PluginParts): void {
  if (JSON.stringify(offer.tools) === JSON.stringify(version.tools)) return
  const conflict = parts.conflictOf(plugin, namesOf(offer.tools))
  if (conflict) return settle(plugin, 'broken', conflict)
  version.redefine(offer.tools)
  plugin.leftOut = offer.leftOut
  settle(plugin, 'serves')
  keepOffer(definitionsFile, offer).catch((error: unknown) =>
    parts.log.error("a server's tools could not be kept", error),
  )
  parts.log.info('a plugin has other tools', { plugin: plugin.manifest?.name, tools: offer.tools.length })
  parts.changed()
}

function namesOf(tools: readonly ToolDefinition[]): string[] {
  return tools.map(({ name }) => name)
}
