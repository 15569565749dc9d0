import { lstat, readFile, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { InstalledPlugin, PluginParts } from './installed-plugin.ts'
import { createInstalledPlugins } from './installed-plugins.ts'
import { lookAtFolder, whyNotPrivate } from './plugin-folder.ts'
import type { PluginPlace, PluginRoot } from './plugin-root.ts'
import { isServersFile } from './read-servers.ts'

/** The folders in the roots, as they were when they were last looked at. */
export type PluginSet = {
  /** All that were tried. */
  all(): InstalledPlugin[]
  /** One look at everything, after those before it; what has settled and is not what was tried last is begun to be tried. */
  look(): Promise<void>
  /** The end of all that is being tried. */
  tried(): Promise<void>
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
  const plugins = createInstalledPlugins(options)
  let lastLook: Promise<void> = Promise.resolve()

  function look(): Promise<void> {
    lastLook = lastLook.then(lookNow, lookNow)
    return lastLook
  }

  async function lookNow(): Promise<void> {
    const found = await placesBelow(roots())
    plugins.keepOnly(new Set(found.map(({ folder }) => folder)))
    // Where a project's plugin and the owner's own want the same name, it is the owner's.
    await Promise.all(found.filter(({ root }) => root.project === undefined).map(lookAt))
    const ofProjects = found.filter(({ root }) => root.project !== undefined)
    if (ofProjects.length === 0) return
    await plugins.tried()
    await Promise.all(ofProjects.map(lookAt))
  }

  async function lookAt(place: PluginPlace): Promise<void> {
    const { root, folder } = place
    const known = plugins.at(folder)
    if (known.some(plugins.isTrying)) return unsettled(limits.pluginSettleMs)
    try {
      const refusal = await whyRootIsRefused(root.folder)
      if (refusal) throw new Failure('plugin.refused', refusal)
      const found = await lookAtFolder(folder)
      if (!found || (known.length > 0 && known.every(({ stamp }) => stamp === found.stamp))) return
      const restsMs = Date.now() - found.changedMs
      if (restsMs < limits.pluginSettleMs) return unsettled(limits.pluginSettleMs - restsMs)
      await plugins.tryAt(place, found)
    } catch (error) {
      if (!(error instanceof Failure)) throw error
      plugins.refuseAt(place, error)
    }
  }

  return {
    all: plugins.all,
    look,
    tried: plugins.tried,
    async settled() {
      await look()
      await plugins.tried()
    },
    folders: async () => (await placesBelow(roots())).map(({ folder }) => folder),
  }
}

async function placesBelow(roots: readonly PluginRoot[]): Promise<PluginPlace[]> {
  return (await Promise.all(roots.map(placesIn))).flat()
}

/** Sub-folders, files that name servers, and links, which are refused by name. */
async function placesIn(root: PluginRoot): Promise<PluginPlace[]> {
  const { folder, except } = root
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
  const names = entries
    .filter(({ name }) => !name.startsWith('.'))
    .filter((entry) => entry.isDirectory() || entry.isSymbolicLink() || (entry.isFile() && isServersFile(entry.name)))
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
