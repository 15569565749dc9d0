import { mkdirSync } from 'node:fs'
import { rm, rmdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tool } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { ToolDefinition } from '@codegen/protocol/tool'
import type { Log } from '#log'
import { limits } from '#limits'
import { checkPlugin } from './check-plugin.ts'
import { createDevPlugins } from './dev-plugins.ts'
import type { DevPlugins } from './dev-plugins.ts'
import type { ForeignTools, LoadedTool } from './host.ts'
import { dataFolder, keptIn } from './installed-plugin.ts'
import { openKeptCopies } from './kept-copies.ts'
import type { KeptCopies } from './kept-copies.ts'
import type { InstalledPlugin } from './installed-plugin.ts'
import { toListedPlugin } from './listed-plugin.ts'
import type { ListedPlugin } from './listed-plugin.ts'
import { openPluginConsent } from './plugin-consent.ts'
import type { PluginConsent } from './plugin-consent.ts'
import { createPluginLogs } from './plugin-logs.ts'
import type { PluginLogs } from './plugin-logs.ts'
import { createPluginSet } from './plugin-set.ts'
import type { PluginSet } from './plugin-set.ts'
import type { PluginRoot } from './plugin-root.ts'
import { watchPlugins } from './watch-plugins.ts'
import type { PluginWatch } from './watch-plugins.ts'

/**
 * The plugins that were dropped into `plugins/`. Each runs in a process of its own; nothing it does there reaches codegend but through the contexts of its calls.
 */
export type ForeignPlugins = ForeignTools &
  OwnersWays & {
    /** Looks at the folder and goes on looking. Resolves when what is there has been tried. */
    start(): Promise<void>
    list(): ListedPlugin[]
    check: typeof checkPlugin
    readonly dev: Pick<DevPlugins, 'open'>
    readonly logs: Pick<PluginLogs, 'last' | 'subscribe'>
    /** Ends all their processes. */
    stop(): void
  }

/** What the owner may do. What names a plugin fails with plugin.unknown, and resolves when it has been tried. */
type OwnersWays = {
  /** A yes to what the plugin asks for now. */
  allow(name: string): Promise<ListedPlugin>
  enable(name: string): Promise<ListedPlugin>
  disable(name: string): Promise<ListedPlugin>
  /** Tries every plugin anew, the ones that crashed too often as well. */
  reload(): Promise<ListedPlugin[]>
  /** Takes its folder away, what was allowed to it, and its log; what it kept for itself only `withData`. */
  remove(name: string, withData: boolean): Promise<{ folder: string; data_folder?: string }>
}

export type ForeignPluginsOptions = {
  /** Real path of CODEGEN_HOME. */
  readonly home: string
  /** Where they lie beside `plugins/` of `home`. */
  readonly otherRoots: readonly PluginRoot[]
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The set of tools that are offered has changed. */
  toolsChanged(): void
  readonly log: Log
}

export function createForeignPlugins(options: ForeignPluginsOptions): ForeignPlugins {
  const { home, otherRoots, environment, log } = options
  const root = join(home, 'plugins')
  const roots = [{ folder: root }, ...otherRoots]
  const consent = openPluginConsent(join(home, 'plugins.json'), log)
  let watching: PluginWatch | undefined
  let pruning: NodeJS.Timeout | undefined
  const copies = openKeptCopies(keptIn(home))
  const logs = createPluginLogs(home)
  const parts = { home, environment, copies, logs, log, changed: options.toolsChanged }
  const set = createPluginSet({
    ...parts,
    consent,
    roots: () => roots,
    unsettled: (afterMs) => watching?.lookAgain(afterMs),
  })
  const dev = createDevPlugins({ ...parts, roots, conflictOf: (...wish) => conflictBeside(set.all(), ...wish) })
  const offered = (): InstalledPlugin[] => [...dev.all(), ...besides(dev.all(), set.all())]
  return {
    async start() {
      mkdirSync(root, { recursive: true, mode: 0o700 })
      mkdirSync(keptIn(home), { recursive: true, mode: 0o700 })
      const fault = (error: unknown): void => log.error('the plugins could not be looked at', error)
      watching = watchPlugins({ roots: () => roots, look: set.look, fault })
      await set.settled()
      pruning = pruneCopies(
        copies,
        async () => [...(await set.folders()), ...dev.all().map(({ folder }) => folder)],
        log,
      )
    },
    definitions: () =>
      offered()
        .flatMap(toDefinitions)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    find(name) {
      const found = findTool(offered(), name)
      if (!found) return undefined
      const { plugin, ...loaded } = found
      return { ...loaded, tool: dev.telling(plugin, notingTool(loaded.tool, plugin, logs)) }
    },
    list: () => [
      ...besides(dev.all(), set.all()).map(toListedPlugin),
      ...dev.all().map((plugin) => ({ ...toListedPlugin(plugin), dev: true })),
    ],
    check: checkPlugin,
    dev,
    logs,
    ...toOwnersWays(set, consent, { home, root, logs }),
    stop() {
      clearInterval(pruning)
      dev.stop()
      logs.close()
      watching?.stop().catch((error: unknown) => log.error('the watch of the plugins did not end', error))
      for (const { serving } of set.all()) serving?.cancel()
    },
  }
}

/** Removes copies nobody will ask for, now and every now and then. */
function pruneCopies(copies: KeptCopies, folders: () => Promise<string[]>, log: Log): NodeJS.Timeout {
  const prune = (): void => {
    folders()
      .then((found) => copies.prune(found, Date.now()))
      .catch((error: unknown) => log.error('old copies of plugins stay', error))
  }
  prune()
  return setInterval(prune, limits.pluginCopyKeptMs).unref()
}

/** The installed plugins that one under development does not stand for. */
function besides(dev: readonly InstalledPlugin[], installed: readonly InstalledPlugin[]): InstalledPlugin[] {
  const serving = dev.filter((plugin) => plugin.serving)
  const tools = new Set(serving.flatMap(({ serving: version }) => version?.tools.map(({ name }) => name) ?? []))
  return installed.filter(
    (plugin) =>
      !serving.some(({ manifest }) => manifest?.name === plugin.manifest?.name) &&
      !plugin.serving?.tools.some(({ name }) => tools.has(name)),
  )
}

/** One under development stands for an installed one of its name, and for no other. */
function conflictBeside(
  installed: readonly InstalledPlugin[],
  plugin: InstalledPlugin,
  tools: readonly string[],
): string | undefined {
  for (const other of installed) {
    if (other.manifest?.name === plugin.manifest?.name) continue
    const taken = other.serving?.tools.find(({ name }) => tools.includes(name))
    if (taken) return `The plugin ${other.manifest?.name} offers a tool ${taken.name} already.`
  }
  return undefined
}

/** Its author finds what it logs in its own log too. */
function notingTool(tool: Tool, { manifest }: InstalledPlugin, logs: PluginLogs): Tool {
  return {
    ...tool,
    run: (parameters, context) =>
      tool.run(parameters, { ...context, log: logs.noting(manifest?.name ?? 'unknown', context.log) }),
  }
}

type Places = { readonly home: string; readonly root: string; readonly logs: PluginLogs }

function toOwnersWays(set: PluginSet, consent: PluginConsent, { home, root, logs }: Places): OwnersWays {
  function named(name: string): InstalledPlugin {
    const found = set.all().find((plugin) => plugin.manifest?.name === name)
    if (found) return found
    const names = set.all().flatMap(({ manifest }) => manifest?.name ?? [])
    const there = names.length > 0 ? `There are: ${names.join(', ')}.` : `Drop its folder into ${root}.`
    throw new Failure('plugin.unknown', `There is no plugin ${name.slice(0, 100)}. ${there}`)
  }

  async function retry(plugin: InstalledPlugin): Promise<ListedPlugin> {
    await set.settled()
    plugin.stamp = undefined
    await set.settled()
    // It may have changed just now.
    for (let tries = 0; plugin.stamp === undefined && plugin.state !== 'refused' && tries < settleTriesMax; tries++) {
      await delay(limits.pluginSettleMs)
      await set.settled()
    }
    return toListedPlugin(plugin)
  }

  return {
    async allow(name) {
      const plugin = named(name)
      if (plugin.manifest) consent.allow(plugin.manifest)
      return retry(plugin)
    },
    async enable(name) {
      const plugin = named(name)
      consent.setDisabled(name, false)
      return retry(plugin)
    },
    async disable(name) {
      const plugin = named(name)
      consent.setDisabled(name, true)
      return retry(plugin)
    },
    async reload() {
      await set.settled()
      for (const plugin of set.all()) plugin.stamp = undefined
      await set.settled()
      return set.all().map(toListedPlugin)
    },
    async remove(name, withData) {
      const { folder } = named(name)
      if (dirname(folder) !== root)
        throw new Failure('plugin.refused', `The plugin ${name} lies in ${folder}; take it away there.`)
      const data = dataFolder(home, name)
      await rm(folder, { recursive: true, force: true })
      consent.forget(name)
      await set.settled()
      if (withData) await rm(data, { recursive: true, force: true })
      // One in which nothing is.
      else await rmdir(data).catch(() => undefined)
      logs.forget(name)
      return { folder, ...(withData ? { data_folder: data } : {}) }
    },
  }
}

const settleTriesMax = 20

function toDefinitions({ manifest, serving }: InstalledPlugin): (ToolDefinition & { source: string })[] {
  return (serving?.tools ?? []).map((tool) => ({ ...tool, source: `plugin ${manifest?.name}` }))
}

function findTool(
  plugins: readonly InstalledPlugin[],
  name: string,
): (LoadedTool & { plugin: InstalledPlugin }) | undefined {
  for (const plugin of plugins) {
    const definition = plugin.serving?.tools.find((tool) => tool.name === name)
    if (definition)
      return { plugin, tool: toTool(plugin, definition), source: `plugin ${plugin.manifest?.name}`, isForeign: true }
  }
  return undefined
}

/** A call runs in the version that serves when it begins, which may be a newer one than it was decided with. */
function toTool(plugin: InstalledPlugin, definition: ToolDefinition): Tool {
  const { name, annotations } = definition
  return {
    ...definition,
    run(parameters, context) {
      const { serving } = plugin
      if (serving?.tools.some((tool) => tool.name === name)) {
        return serving.call(name, { parameters, context, readOnly: annotations?.readOnly ?? false })
      }
      throw new Failure('tool.unavailable', `The plugin ${plugin.manifest?.name} offers ${name} no more.`)
    },
  }
}
