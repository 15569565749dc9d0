import { lstat, readFile, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { tryPlugin, withdraw } from './installed-plugin.ts'
import type { InstalledPlugin, PluginParts } from './installed-plugin.ts'
import { lookAtFolder, whyNotPrivate } from './plugin-folder.ts'
import { doRootsMeet } from './plugin-root.ts'
import type { PluginPlace, PluginRoot } from './plugin-root.ts'

/** The folders in the roots, as they were when they were last looked at. */
export type PluginSet = {
  /** All that were tried. */
  all(): InstalledPlugin[]
  /** One look at everything, after those before it; what has settled and is not what was tried last is begun to be tried. */
  look(): Promise<void>
  /** A look, and the end of all that is being tried. */
  settled(): Promise<void>
  /** Every folder that is there now, tried or not. */
  folders(): Promise<string[]>
}

export type PluginSetOptions = Omit<PluginParts, 'conflictOf'> & {
  /** Where to look; may be others each time. */
  roots(): readonly PluginRoot[]
  /** Something is not as it will stay: another look is due so many milliseconds from now. */
  unsettled(afterMs: number): void
}

export function createPluginSet(options: PluginSetOptions): PluginSet {
  const { roots, unsettled } = options
  const plugins = new Map<string, InstalledPlugin>()
  const trying = new Map<InstalledPlugin, Promise<void>>()
  const parts: PluginParts = { ...options, conflictOf: (...wish) => findConflict(plugins, ...wish) }
  let lastLook: Promise<void> = Promise.resolve()

  function look(): Promise<void> {
    lastLook = lastLook.then(lookNow, lookNow)
    return lastLook
  }

  async function lookNow(): Promise<void> {
    const found = await placesBelow(roots())
    const folders = new Set(found.map(({ folder }) => folder))
    for (const [folder, plugin] of plugins) {
      if (folders.has(folder)) continue
      plugins.delete(folder)
      withdraw(plugin, parts)
    }
    // Where a project's plugin and the owner's own want the same name, it is the owner's.
    await Promise.all(found.filter(({ root }) => root.project === undefined).map(lookAt))
    const ofProjects = found.filter(({ root }) => root.project !== undefined)
    if (ofProjects.length === 0) return
    await Promise.all(trying.values())
    await Promise.all(ofProjects.map(lookAt))
  }

  async function lookAt({ root, folder }: PluginPlace): Promise<void> {
    const plugin = plugins.get(folder) ?? newPlugin(root, folder)
    if (trying.has(plugin)) return unsettled(limits.pluginSettleMs)
    try {
      const refusal = await whyRootIsRefused(root.folder)
      if (refusal) throw new Failure('plugin.refused', refusal)
      const found = await lookAtFolder(folder)
      if (!found || found.stamp === plugin.stamp) return
      const restsMs = Date.now() - found.changedMs
      if (restsMs < limits.pluginSettleMs) return unsettled(limits.pluginSettleMs - restsMs)
      plugins.set(folder, plugin)
      const tried = tryPlugin(plugin, found, parts).finally(() => trying.delete(plugin))
      trying.set(plugin, tried)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      plugins.set(folder, plugin)
      refuse(plugin, error, parts)
    }
  }

  return {
    // What is being read for the first time has nothing to show yet.
    all: () => [...plugins.values()].filter(({ manifest, problem }) => (manifest ?? problem) !== undefined),
    look,
    async settled() {
      await look()
      await Promise.all(trying.values())
    },
    folders: async () => (await placesBelow(roots())).map(({ folder }) => folder),
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
    if (other.manifest?.name === plugin.manifest?.name) return `The folder ${other.folder} has a plugin of this name.`
    const taken = other.serving.tools.find(({ name }) => tools.includes(name))
    if (taken) return `The plugin ${other.manifest?.name} offers a tool ${taken.name} already.`
  }
  return undefined
}

function newPlugin(root: PluginRoot, folder: string): InstalledPlugin {
  const unknown = { stamp: undefined, manifest: undefined, problem: undefined, late: undefined, hookFault: undefined }
  return { root, folder, ...unknown, containment: 'none', state: 'asks', serving: undefined }
}

async function placesBelow(roots: readonly PluginRoot[]): Promise<PluginPlace[]> {
  return (await Promise.all(roots.map(placesIn))).flat()
}

/** Sub-folders, and links, which are refused by name. */
async function placesIn(root: PluginRoot): Promise<PluginPlace[]> {
  const { folder, except } = root
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const names = entries
    .filter((entry) => !entry.name.startsWith('.') && (entry.isDirectory() || entry.isSymbolicLink()))
    .map(({ name }) => name)
    .toSorted((a, b) => (a < b ? -1 : 1))
  const wanted = except === undefined ? names : await pluginsAmong(folder, names, except)
  return wanted.slice(0, limits.pluginsMax).map((name) => ({ root, folder: join(folder, name) }))
}

/** Of packages side by side those that say they are plugins. */
async function pluginsAmong(
  folder: string,
  names: readonly string[],
  except: ReadonlySet<string>,
): Promise<readonly string[]> {
  const said = await Promise.all(
    names.map(async (name) => {
      if (except.has(name)) return false
      const text = await readFile(join(folder, name, 'package.json'), 'utf8').catch(() => '')
      return text.includes('"codegen"')
    }),
  )
  return names.filter((_name, index) => said[index])
}

async function whyRootIsRefused(root: string): Promise<string | undefined> {
  const found = await lstat(root).catch(() => undefined)
  if (!found) return undefined
  if ((await realpath(root)) !== root) return `No plugin is loaded: ${root} is a link.`
  const reason = whyNotPrivate(found)
  return reason && `No plugin is loaded: ${root} ${reason}.`
}
