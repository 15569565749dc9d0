import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { tryPlugin, withdraw } from './installed-plugin.ts'
import type { InstalledPlugin, PluginParts } from './installed-plugin.ts'
import { lookAtFolder, whyNotPrivate } from './plugin-folder.ts'

/** The folders in `plugins/`, as they were when they were last looked at. */
export type PluginSet = {
  /** All that were tried. */
  all(): InstalledPlugin[]
  /** One look at everything, after those before it; what has settled and is not what was tried last is begun to be tried. */
  look(): Promise<void>
  /** A look, and the end of all that is being tried. */
  settled(): Promise<void>
}

export type PluginSetOptions = Omit<PluginParts, 'conflictOf'> & {
  readonly root: string
  /** Something is not as it will stay: another look is due soon. */
  unsettled(): void
}

export function createPluginSet(options: PluginSetOptions): PluginSet {
  const { root, unsettled, log } = options
  const plugins = new Map<string, InstalledPlugin>()
  const trying = new Map<InstalledPlugin, Promise<void>>()
  const parts: PluginParts = { ...options, conflictOf: (...wish) => findConflict(plugins, ...wish) }
  let lastLook: Promise<void> = Promise.resolve()

  function look(): Promise<void> {
    lastLook = lastLook.then(lookNow, lookNow)
    return lastLook
  }

  async function lookNow(): Promise<void> {
    const names = await namesIn(root)
    const folders = names.map((name) => join(root, name))
    for (const [folder, plugin] of plugins) {
      if (folders.includes(folder)) continue
      plugins.delete(folder)
      withdraw(plugin, parts)
    }
    await Promise.all(folders.map(lookAt))
  }

  async function lookAt(folder: string): Promise<void> {
    const plugin = plugins.get(folder) ?? newPlugin(folder)
    if (trying.has(plugin)) return unsettled()
    try {
      const refusal = await whyRootIsRefused(root)
      if (refusal) throw new Failure('plugin.refused', refusal)
      const found = await lookAtFolder(folder)
      if (!found || found.stamp === plugin.stamp) return
      if (Date.now() - found.changedMs < limits.pluginSettleMs) return unsettled()
      plugins.set(folder, plugin)
      const tried = tryPlugin(plugin, found, parts).finally(() => trying.delete(plugin))
      trying.set(plugin, tried)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      refuse(plugin, error)
    }
  }

  /** What others can write to is not run, not even as it was before. */
  function refuse(plugin: InstalledPlugin, { message }: Failure): void {
    plugins.set(plugin.folder, plugin)
    if (plugin.problem !== message) log.warn('a plugin is refused', { plugin: plugin.folder, reason: message })
    Object.assign(plugin, { state: 'refused', problem: message, stamp: undefined })
    withdraw(plugin, parts)
  }

  return {
    // What is being read for the first time has nothing to show yet.
    all: () => [...plugins.values()].filter(({ manifest, problem }) => (manifest ?? problem) !== undefined),
    look,
    async settled() {
      await look()
      await Promise.all(trying.values())
    },
  }
}

/** A name is that of one plugin, and of one tool. Who serves first has it. */
function findConflict(
  plugins: ReadonlyMap<string, InstalledPlugin>,
  plugin: InstalledPlugin,
  tools: readonly string[],
): string | undefined {
  for (const other of plugins.values()) {
    if (other === plugin || !other.serving) continue
    if (other.manifest?.name === plugin.manifest?.name) return `The folder ${other.folder} has a plugin of this name.`
    const taken = other.serving.tools.find(({ name }) => tools.includes(name))
    if (taken) return `The plugin ${other.manifest?.name} offers a tool ${taken.name} already.`
  }
  return undefined
}

function newPlugin(folder: string): InstalledPlugin {
  return {
    folder,
    stamp: undefined,
    manifest: undefined,
    state: 'asks',
    problem: undefined,
    hookFault: undefined,
    serving: undefined,
  }
}

/** Sub-folders, and links, which are refused by name. */
async function namesIn(root: string): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true }).catch(() => [])
  const wanted = entries.filter(
    (entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isSymbolicLink()),
  )
  const names = wanted.map(({ name }) => name)
  return names.toSorted((a, b) => (a < b ? -1 : 1)).slice(0, limits.pluginsMax)
}

async function whyRootIsRefused(root: string): Promise<string | undefined> {
  const found = await lstat(root).catch(() => undefined)
  if (!found) return undefined
  if (found.isSymbolicLink()) return `No plugin is loaded: ${root} is a link.`
  const reason = whyNotPrivate(found)
  return reason && `No plugin is loaded: ${root} ${reason}.`
}
