import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Tool } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { ToolDefinition } from '@codegen/protocol/tool'
import type { Log } from '#log'
import { limits } from '#limits'
import type { ForeignTools, LoadedTool } from './host.ts'
import { keptIn } from './installed-plugin.ts'
import type { InstalledPlugin } from './installed-plugin.ts'
import { toListedPlugin } from './listed-plugin.ts'
import type { ListedPlugin } from './listed-plugin.ts'
import { openPluginConsent } from './plugin-consent.ts'
import type { PluginConsent } from './plugin-consent.ts'
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
  const parts = { home, environment, consent, log, changed: options.toolsChanged }
  const set = createPluginSet({
    ...parts,
    roots: () => roots,
    unsettled: (afterMs) => watching?.lookAgain(afterMs),
  })
  return {
    async start() {
      mkdirSync(root, { recursive: true, mode: 0o700 })
      mkdirSync(keptIn(home), { recursive: true, mode: 0o700 })
      const fault = (error: unknown): void => log.error('the plugins could not be looked at', error)
      watching = watchPlugins({ roots: () => roots, look: set.look, fault })
      await set.settled()
    },
    definitions: () =>
      set
        .all()
        .flatMap(toDefinitions)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    find: (name) => findTool(set.all(), name),
    list: () => set.all().map(toListedPlugin),
    ...toOwnersWays(set, consent, root),
    stop() {
      watching?.stop().catch((error: unknown) => log.error('the watch of the plugins did not end', error))
      for (const { serving } of set.all()) serving?.cancel()
    },
  }
}

function toOwnersWays(set: PluginSet, consent: PluginConsent, root: string): OwnersWays {
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
  }
}

const settleTriesMax = 20

function toDefinitions({ manifest, serving }: InstalledPlugin): (ToolDefinition & { source: string })[] {
  return (serving?.tools ?? []).map((tool) => ({ ...tool, source: `plugin ${manifest?.name}` }))
}

function findTool(plugins: readonly InstalledPlugin[], name: string): LoadedTool | undefined {
  for (const plugin of plugins) {
    const definition = plugin.serving?.tools.find((tool) => tool.name === name)
    if (definition) {
      const isHeld = plugin.manifest?.server === undefined
      return { tool: toTool(plugin, definition), source: `plugin ${plugin.manifest?.name}`, isForeign: true, isHeld }
    }
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
