import type { Failure } from '@codegen/protocol/failure'
import { fail, newPlugin, tryPlugin, withdraw } from './installed-plugin.ts'
import type { InstalledPlugin, PluginParts } from './installed-plugin.ts'
import type { FolderLook } from './plugin-folder.ts'
import { doRootsMeet } from './plugin-root.ts'
import type { PluginPlace } from './plugin-root.ts'
import { readServers } from './read-servers.ts'
import { tryServer } from './try-server.ts'
import type { ServerFound } from './try-server.ts'

/** All that was found, by where it lies: one plugin in a folder, or each server that a file or folder names. */
export type InstalledPlugins = {
  all(): InstalledPlugin[]
  at(folder: string): InstalledPlugin[]
  isTrying(plugin: InstalledPlugin): boolean
  /** Begins to try all that lies there and has not been tried as it is now. */
  tryAt(place: PluginPlace, look: FolderLook): Promise<void>
  /** What others can write to is not run, not even as it was before. */
  refuseAt(place: PluginPlace, failure: Failure): void
  /** Takes away all that lies elsewhere. */
  keepOnly(folders: ReadonlySet<string>): void
  /** The end of all that is being tried. */
  tried(): Promise<void>
}

export function createInstalledPlugins(options: Omit<PluginParts, 'conflictOf'>): InstalledPlugins {
  const plugins = new Map<string, InstalledPlugin>()
  const parts: PluginParts = { ...options, conflictOf: (...wish) => findConflict(plugins, ...wish) }
  const trials = createTrials(parts)
  const at = (folder: string): InstalledPlugin[] => [...plugins.values()].filter((plugin) => plugin.folder === folder)

  function keep(isKept: (key: string, plugin: InstalledPlugin) => boolean): void {
    for (const [key, plugin] of plugins) {
      if (isKept(key, plugin)) continue
      plugins.delete(key)
      withdraw(plugin, parts)
    }
  }

  /** Those that are there, or one that stands for what cannot be told apart. */
  function anyAt({ root, folder }: PluginPlace): InstalledPlugin[] {
    const known = at(folder)
    if (known.length > 0) return known
    const fresh = newPlugin({ root, folder })
    plugins.set(folder, fresh)
    return [fresh]
  }

  async function tryAt(place: PluginPlace, look: FolderLook): Promise<void> {
    const { folder } = place
    try {
      const found = await readServers(folder, look.files)
      const servers = found?.servers ?? [undefined]
      const wanted = new Map(servers.map((server) => [keyOf(folder, server?.name), server]))
      keep((key, plugin) => plugin.folder !== folder || wanted.has(key))
      for (const [key, server] of wanted) {
        const plugin = plugins.get(key) ?? newPlugin(place)
        plugins.set(key, plugin)
        trials.begin(plugin, look, server && { server, version: found?.version ?? '', look })
      }
    } catch (error) {
      // What is written of servers cannot be read. Those that serve go on.
      for (const plugin of anyAt(place)) {
        plugin.stamp = look.stamp
        fail(plugin, error, parts)
      }
    }
  }

  return {
    // What is being read for the first time has nothing to show yet.
    all: () => [...plugins.values()].filter(({ manifest, problem }) => (manifest ?? problem) !== undefined),
    at,
    isTrying: trials.isTrying,
    tryAt,
    refuseAt(place, failure) {
      for (const plugin of anyAt(place)) refuse(plugin, failure, parts)
    },
    keepOnly: (folders) => keep((_key, { folder }) => folders.has(folder)),
    tried: trials.tried,
  }
}

type Trials = Pick<InstalledPlugins, 'isTrying' | 'tried'> & {
  begin(plugin: InstalledPlugin, look: FolderLook, found: ServerFound | undefined): void
}

/** What is being tried: each as it is now, once. */
function createTrials(parts: PluginParts): Trials {
  const trying = new Map<InstalledPlugin, Promise<void>>()
  return {
    isTrying: (plugin) => trying.has(plugin),
    begin(plugin, look, found) {
      if (plugin.stamp === look.stamp) return
      const tried = found ? tryServer(plugin, found, parts) : tryPlugin(plugin, look, parts)
      trying.set(
        plugin,
        tried.finally(() => trying.delete(plugin)),
      )
    },
    async tried() {
      await Promise.all(trying.values())
    },
  }
}

/** What others can write to is not run, not even as it was before. */
function refuse(plugin: InstalledPlugin, { message }: Failure, parts: PluginParts): void {
  if (plugin.problem !== message) parts.log.warn('a plugin is refused', { plugin: plugin.folder, reason: message })
  Object.assign(plugin, { state: 'refused', problem: message, stamp: undefined })
  withdraw(plugin, parts)
}

/** A name is that of one plugin, and of one tool. Who serves first has it. */
function findConflict(
  plugins: ReadonlyMap<string, InstalledPlugin>,
  plugin: InstalledPlugin,
  tools: readonly string[],
): string | undefined {
  for (const other of plugins.values()) {
    if (other === plugin || !other.serving || !doRootsMeet(other.root, plugin.root)) continue
    if (other.manifest?.name === plugin.manifest?.name) return `${other.folder} has a plugin of this name.`
    const taken = other.serving.tools.find(({ name }) => tools.includes(name))
    if (taken) return `The plugin ${other.manifest?.name} offers a tool ${taken.name} already.`
  }
  return undefined
}

function keyOf(folder: string, server: string | undefined): string {
  return server === undefined ? folder : `${folder}#${server}`
}
