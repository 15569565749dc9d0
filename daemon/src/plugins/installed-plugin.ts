import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { findSocketPath } from '@codegen/protocol/socket-path'
import type { Log } from '#log'
import { limits } from '#limits'
import { toRunnerProgram } from '#plugin-process/runner-process'
import { describePlugin } from './describe-plugin.ts'
import { parseManifest } from '#plugin-process/manifest'
import type { Containment, HookedTools, Manifest } from '#plugin-process/manifest'
import type { HookName } from '#plugin-process/runner-messages'
import type { Asked, PluginConsent } from './plugin-consent.ts'
import { findHold, refuseUnheld, refuseWithoutSandbox } from './choose-containment.ts'
import type { Held } from './choose-containment.ts'
import type { PluginLogs } from './plugin-logs.ts'
import type { KeptCopies } from './kept-copies.ts'
import { keepCopy } from './plugin-folder.ts'
import type { FolderLook, KeptCopy } from './plugin-folder.ts'
import type { PluginPlace, PluginRoot } from './plugin-root.ts'
import { openVersion } from './plugin-version.ts'
import type { PluginVersion, VersionOptions } from './plugin-version.ts'

/** Where things are, and who may be asked. */
export type PluginParts = {
  /** Real path of CODEGEN_HOME. */
  readonly home: string
  /** What plugins may ask for by name. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where there is no sandbox no plugin is started. */
  readonly requireSandbox: boolean
  readonly consent: PluginConsent
  /** Where what plugins say is kept for their authors. */
  readonly logs: PluginLogs
  readonly copies: KeptCopies
  readonly log: Log
  /** Why a plugin may not offer these tools beside the others, if so. */
  conflictOf(plugin: InstalledPlugin, tools: readonly string[]): string | undefined
  /** What is offered is not what it was. */
  changed(): void
}

/** A folder in `plugins/`, with the last good version of what is in it; or one server of a file or folder that names some. */
export type InstalledPlugin = {
  readonly root: PluginRoot
  /** The file, for a server that stands in one. */
  readonly folder: string
  /** What the folder was when it was last tried. */
  stamp: string | undefined
  manifest: Manifest | undefined
  /** What its process is held by, or would be. */
  containment: Containment
  state: PluginState
  /** Why the newest version does not serve. */
  problem: string | undefined
  /** What is not offered of the version that serves, and why. */
  leftOut: readonly string[]
  /** What was late when it was tried, and how often. */
  late: { readonly stamp: string; readonly tries: number } | undefined
  /** What is wrong with the hooks of the version that serves, or went wrong in one last. */
  hookFault: string | undefined
  serving: PluginVersion | undefined
}

/** `asks`: its owner has not allowed what it asks for. `off`: it crashed too often. */
export type PluginState = 'serves' | 'asks' | 'disabled' | 'refused' | 'broken' | 'off'

/** One of which nothing is known yet but where it lies. */
export function newPlugin({ root, folder }: PluginPlace): InstalledPlugin {
  const unknown = {
    stamp: undefined,
    manifest: undefined,
    problem: undefined,
    serving: undefined,
    late: undefined,
    hookFault: undefined,
  }
  return { root, folder, ...unknown, containment: 'none', state: 'asks', leftOut: [] }
}

/** Tries what is in a plugin's folder now, and swaps it in where it is good; otherwise the last good version serves on. Never fails. */
export async function tryPlugin(plugin: InstalledPlugin, look: FolderLook, parts: PluginParts): Promise<void> {
  plugin.stamp = look.stamp
  try {
    const state = await tryNewest(plugin, look, parts)
    settle(plugin, state)
    if (state === 'disabled') withdraw(plugin, parts)
  } catch (error) {
    fail(plugin, error, parts)
    if (error instanceof Failure && error.retryAfterMs !== undefined) tryAgain(plugin, look.stamp, error.retryAfterMs)
  }
  if (plugin.serving === undefined && (plugin.state === 'asks' || plugin.state === 'broken'))
    await serveLastGood(plugin, parts).catch((error: unknown) => {
      parts.log.warn('the last good version cannot be served', { plugin: plugin.folder, reason: toSentence(error) })
    })
}

/** The newest version cannot be used. */
export function fail(plugin: InstalledPlugin, error: unknown, { log }: Pick<PluginParts, 'log'>): void {
  const refused = error instanceof Failure && error.code === 'plugin.refused'
  settle(plugin, refused ? 'refused' : 'broken', toSentence(error))
  log.warn('a plugin was not loaded', { plugin: plugin.folder, reason: plugin.problem })
}

/** What was late may only have met a busy machine: a later look finds it as if it had changed. */
function tryAgain(plugin: InstalledPlugin, stamp: string, afterMs: number): void {
  const tries = plugin.late?.stamp === stamp ? plugin.late.tries + 1 : 1
  plugin.late = { stamp, tries }
  if (tries >= limits.pluginLateTriesMax) return
  const forget = (): void => {
    if (plugin.stamp === stamp && plugin.state === 'broken') plugin.stamp = undefined
  }
  setTimeout(forget, afterMs * 2 ** (tries - 1)).unref()
}

/** Offers nothing of it any more. Its calls are finished. */
export function withdraw(plugin: InstalledPlugin, { changed }: Pick<PluginParts, 'changed'>): void {
  const { serving } = plugin
  if (!serving) return
  plugin.serving = undefined
  serving.stop()
  changed()
}

/** Where a plugin keeps what it will find again. */
export function dataFolder(home: string, name: string, root: PluginRoot): string {
  return join(home, 'data', toDataName(name, root))
}

/** Where copies of what was in the folders are kept. */
export function keptIn(home: string): string {
  return join(home, 'cache', 'plugins')
}

/** What becomes of a plugin by its owner's word. */
export function nextState(manifest: Manifest, asked: Asked, consent: PluginConsent): 'serves' | 'asks' | 'disabled' {
  if (consent.isDisabled(manifest.name, asked.root)) return 'disabled'
  return consent.isAllowed(manifest, asked) ? 'serves' : 'asks'
}

export function settle(plugin: InstalledPlugin, state: PluginState, problem?: string): void {
  plugin.state = state
  plugin.problem = problem
}

async function tryNewest(
  plugin: InstalledPlugin,
  look: FolderLook,
  parts: PluginParts,
): Promise<'serves' | 'asks' | 'disabled'> {
  const manifest = await loadManifest(plugin.folder)
  const held = await findHold(manifest, parts)
  plugin.manifest = manifest
  plugin.containment = held.containment
  refuseUnheld(held, manifest, look.files)
  const state = nextState(manifest, plugin, parts.consent)
  if (state !== 'serves') return state
  const copy = await keepCopy(plugin.folder, look.files, keptIn(parts.home))
  if (plugin.state !== 'serves' || plugin.serving?.digest !== copy.digest)
    await serve(plugin, { manifest, copy, held }, parts)
  return 'serves'
}

/** What served before codegend was started, where its owner's yes still covers it. */
async function serveLastGood(plugin: InstalledPlugin, parts: PluginParts): Promise<void> {
  const digest = await parts.copies.lastGood(plugin.folder)
  if (digest === undefined) return
  const folder = join(keptIn(parts.home), digest)
  const manifest = await loadManifest(folder)
  const held = await findHold(manifest, parts)
  refuseWithoutSandbox(held)
  if (nextState(manifest, { root: plugin.root, containment: held.containment }, parts.consent) === 'serves')
    await serve(plugin, { manifest, copy: { folder, digest }, held }, parts)
}

async function loadManifest(folder: string): Promise<Manifest> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
  const manifest = parseManifest(text)
  if (manifest) return manifest
  throw new Failure('plugin.refused', 'It has no package.json with a "codegen" field.')
}

type Version = { readonly manifest: Manifest; readonly copy: KeptCopy; readonly held: Held }

/** Swaps a version in that is found good. */
async function serve(plugin: InstalledPlugin, { manifest, copy, held }: Version, parts: PluginParts): Promise<void> {
  const { home, log } = parts
  const { folder, digest } = copy
  const dataDir = dataFolder(home, manifest.name, plugin.root)
  const { means, containment } = held
  const environment = toEnvironment(manifest, parts.environment)
  const hidden = codegendsOwn(parts)
  const path = parts.environment['PATH']
  // Its author knows his files by their names in his own folder.
  const printed = (text: string): void =>
    parts.logs.printed(manifest.name, text.replaceAll(`file://${folder}/`, '').replaceAll(`${folder}/`, ''))
  const program = toRunnerProgram({ manifest, folder, dataDir, environment, containment, means, hidden, path, printed })
  const { tools, hooks, running } = await describePlugin(program)
  const missing = whyHooksAreMissing(manifest, hooks)
  if (missing) {
    running?.end()
    throw new Failure('plugin.broken', missing)
  }
  const { hooks: asked } = manifest.permissions
  swapIn(plugin, { manifest, program, digest, tools, hooks: asked, first: running }, parts)
  plugin.hookFault = whyHooksAreNotCalled(manifest, hooks)
  await parts.copies
    .noteGood(plugin.folder, digest)
    .catch((error: unknown) => log.error('the last good version is not on record', error))
}

type NewVersion = Omit<VersionOptions, 'gaveUp' | 'log'> & { readonly manifest: Manifest }

/** Offers a version that was found good instead of the one before, which finishes its calls. Fails with plugin.broken where its tools have names that are taken. */
export function swapIn(plugin: InstalledPlugin, found: NewVersion, parts: PluginParts): PluginVersion {
  const { manifest, ...version } = found
  const names = version.tools.map(({ name }) => name)
  const conflict = parts.conflictOf(plugin, names)
  if (conflict) {
    version.first?.end()
    throw new Failure('plugin.broken', conflict)
  }
  const gaveUp = (reason: string): void => {
    settle(plugin, 'off', reason)
    withdraw(plugin, parts)
  }
  const before = plugin.serving
  const opened = openVersion({ ...version, gaveUp, log: parts.log })
  plugin.serving = opened
  before?.stop()
  parts.log.info('a plugin serves', { plugin: manifest.name, version: manifest.version, digest: version.digest })
  parts.changed()
  return opened
}

/** What decides over plugins, and the socket by which codegend is told what to do. */
function codegendsOwn({ home, environment }: PluginParts): string[] {
  const socket = findSocketPath(environment, environment['HOME'] ?? '')
  return [home, dirname(socket.path)].filter((folder) => existsSync(folder))
}

/** A guard that is not there guards nothing, so a version without it does not take the place of one with it. */
function whyHooksAreMissing({ permissions: { hooks } }: Manifest, exported: readonly HookName[]): string | undefined {
  const missing = hookNames.filter(([kind, name]) => hooks[kind].length > 0 && !exported.includes(name))
  const [first] = missing
  return first && `package.json asks for "hooks": { "${first[0]}": [...] }, and the plugin exports no ${first[1]}.`
}

function whyHooksAreNotCalled({ permissions: { hooks } }: Manifest, exported: readonly HookName[]): string | undefined {
  const unasked = hookNames.filter(([kind, name]) => hooks[kind].length === 0 && exported.includes(name))
  const [first] = unasked
  return (
    first &&
    `It exports ${first[1]}, which is not called: package.json does not ask for "hooks": { "${first[0]}": ["*"] }.`
  )
}

const hookNames = [
  ['before', 'beforeTool'],
  ['after', 'afterTool'],
] as const satisfies readonly (readonly [keyof HookedTools, HookName])[]

/** What a project's plugin keeps is not what the owner's own of that name does. */
export function toDataName(name: string, { project }: PluginRoot): string {
  const plain = name.replaceAll('/', '__')
  if (project === undefined) return plain
  return `${plain}@${createHash('sha256').update(project).digest('hex').slice(0, 12)}`
}

function toEnvironment({ permissions }: Manifest, environment: PluginParts['environment']): Record<string, string> {
  const given = permissions.env.flatMap((name) => {
    const value = environment[name]
    return value === undefined ? [] : [[name, value] as const]
  })
  return Object.fromEntries(given)
}

function toSentence(error: unknown): string {
  if (error instanceof Failure) return error.message
  return error instanceof Error ? `It could not be loaded: ${error.message}` : 'It could not be loaded.'
}
