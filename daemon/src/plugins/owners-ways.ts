import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { Manifest } from '#plugin-process/manifest'
import { findProject } from './find-project.ts'
import type { InstalledPlugin } from './installed-plugin.ts'
import { toListedPlugin } from './listed-plugin.ts'
import type { ListedPlugin } from './listed-plugin.ts'
import { missingGuards } from './missing-guards.ts'
import type { PluginConsent } from './plugin-consent.ts'
import type { PluginLogs } from './plugin-logs.ts'
import { isOfferedIn } from './plugin-root.ts'
import type { PluginSet } from './plugin-set.ts'
import { removePlugin } from './remove-plugin.ts'
import type { RemovedPlugin } from './remove-plugin.ts'

/**
 * What the owner may do. What names a plugin resolves when it has been tried and fails with plugin.unknown; of two of one name it is the one of the project that `cwd`
 * lies in, else the owner's own.
 */
export type OwnersWays = {
  /** A yes to what the plugin asks for now. Fails with plugin.refused for one that nothing would hold, unless the owner says that it may run `unconfined`. */
  allow(name: string, options?: { cwd?: string; unconfined?: boolean }): Promise<ListedPlugin>
  enable(name: string, cwd?: string): Promise<ListedPlugin>
  disable(name: string, cwd?: string): Promise<ListedPlugin>
  /** Tries every plugin anew, the ones that crashed too often as well. */
  reload(): Promise<ListedPlugin[]>
  /** Takes its folder away, what was allowed to it, and its log; what it kept for itself only `withData`. Fails with plugin.refused for one that lies elsewhere. */
  remove(name: string, withData: boolean): Promise<RemovedPlugin>
  /** Lets the project that `cwd` lies in bring plugins of its own: all that lie there, tried. Each still needs its yes. Fails with plugin.unknown where it brings none. */
  trust(cwd: string): Promise<{ project: string; plugins: ListedPlugin[] }>
  /** Offers nothing of the project that `cwd` lies in any more. Fails with plugin.unknown where none is trusted. */
  untrust(cwd: string): Promise<{ project: string }>
  /** The project with plugins of its own that `cwd` lies in, where its owner has not trusted it. */
  untrusted(cwd: string): Promise<string | undefined>
}

export type OwnersParts = {
  readonly set: PluginSet
  readonly consent: PluginConsent
  readonly logs: Pick<PluginLogs, 'forget'>
  readonly home: string
}

export function toOwnersWays({ set, consent, logs, home }: OwnersParts): OwnersWays {
  const named = (name: string, cwd?: string): InstalledPlugin => findNamed(set.all(), { name, cwd, home })

  /** As if it had not been tried yet. */
  async function retry(plugins: readonly InstalledPlugin[]): Promise<void> {
    await set.settled()
    for (const plugin of plugins) plugin.stamp = undefined
    await set.settled()
    // One may have changed just now.
    const isUntried = ({ stamp, state }: InstalledPlugin): boolean => stamp === undefined && state !== 'refused'
    for (let tries = 0; plugins.some(isUntried) && tries < settleTriesMax; tries++) {
      await delay(limits.pluginSettleMs)
      await set.settled()
    }
  }

  async function retryOne(plugin: InstalledPlugin): Promise<ListedPlugin> {
    await retry([plugin])
    return toListedPlugin(plugin)
  }

  return {
    async allow(name, { cwd, unconfined = false } = {}) {
      const plugin = named(name, cwd)
      const { manifest, containment } = plugin
      // The question of a server says it in full.
      const isServer = manifest?.made.kind === 'server'
      if (manifest && !isServer && containment === 'none' && !unconfined) throw notConfined(manifest)
      if (manifest) consent.allow(manifest, plugin)
      return retryOne(plugin)
    },
    async enable(name, cwd) {
      const plugin = named(name, cwd)
      consent.setDisabled(name, plugin.root, false)
      return retryOne(plugin)
    },
    async disable(name, cwd) {
      const isHere = (guard: ListedPlugin): boolean =>
        guard.name === name && (guard.project === undefined || (cwd !== undefined && isOfferedIn(guard.project, cwd)))
      const missing = missingGuards(set, consent).find(isHere)
      if (missing) {
        consent.setDisabled(name, missing, true)
        return { ...missing, state: 'disabled' }
      }
      const plugin = named(name, cwd)
      consent.setDisabled(name, plugin.root, true)
      return retryOne(plugin)
    },
    async reload() {
      await retry(set.all())
      return set.all().map(toListedPlugin)
    },
    remove: async (name, withData) => removePlugin(named(name), withData, { set, consent, logs, home }),
    ...toProjectWays({ set, consent, home }),
  }
}

const settleTriesMax = 20

type ProjectWays = Pick<OwnersWays, 'trust' | 'untrust' | 'untrusted'>

function notConfined({ name, made }: Manifest): Failure {
  const command = made.kind === 'command' ? made.command.join(' ') : name
  return new Failure(
    'plugin.refused',
    `Nothing would hold the plugin ${name} here: \`${command}\` would run with all the rights of your account, on every file, key and network it has. codegen doctor says why there is no sandbox.`,
    {
      hint: `Install bubblewrap and start codegend anew, or say that it may: codegen plugins allow ${name} --unconfined`,
    },
  )
}

function toProjectWays({ set, consent, home }: Omit<OwnersParts, 'logs'>): ProjectWays {
  return {
    async trust(cwd) {
      const project = await findProject(cwd, home)
      if (project === undefined)
        throw new Failure(
          'plugin.unknown',
          `There is no .codegen/plugins in ${cwd.slice(0, 500)}, nor in a folder above it.`,
        )
      if (!consent.trusted().includes(project)) {
        if (consent.trusted().length >= limits.pluginProjectsMax)
          throw new Failure(
            'request.invalid',
            `${limits.pluginProjectsMax} projects are trusted already: codegen plugins untrust DIR.`,
          )
        consent.setTrusted(project, true)
      }
      const ofProject = (): InstalledPlugin[] => set.all().filter(({ root }) => root.project === project)
      await set.settled()
      for (let tries = 0; ofProject().length < (await countIn(set, project)) && tries < settleTriesMax; tries++) {
        await delay(limits.pluginSettleMs)
        await set.settled()
      }
      return { project, plugins: ofProject().map(toListedPlugin) }
    },
    async untrust(cwd) {
      const project = consent
        .trusted()
        .filter((trusted) => isOfferedIn(trusted, cwd))
        .toSorted((a, b) => b.length - a.length)[0]
      if (project === undefined)
        throw new Failure('plugin.unknown', `${cwd.slice(0, 500)} lies in no project that is trusted.`)
      consent.setTrusted(project, false)
      await set.settled()
      return { project }
    },
    async untrusted(cwd) {
      const project = await findProject(cwd, home)
      return project !== undefined && !consent.trusted().includes(project) ? project : undefined
    },
  }
}

async function countIn(set: PluginSet, project: string): Promise<number> {
  return (await set.folders()).filter((folder) => folder.startsWith(`${project}/`)).length
}

type Wish = { readonly name: string; readonly cwd: string | undefined; readonly home: string }

function findNamed(plugins: readonly InstalledPlugin[], { name, cwd, home }: Wish): InstalledPlugin {
  const offered = plugins.filter(
    ({ root }) => root.project === undefined || (cwd !== undefined && isOfferedIn(root.project, cwd)),
  )
  const innerFirst = offered.toSorted((a, b) => (b.root.project ?? '').length - (a.root.project ?? '').length)
  const found = innerFirst.find(({ manifest }) => manifest?.name === name)
  if (found) return found
  const names = offered.flatMap(({ manifest }) => manifest?.name ?? [])
  const there = names.length > 0 ? `There are: ${names.join(', ')}.` : `Drop its folder into ${join(home, 'plugins')}.`
  throw new Failure('plugin.unknown', `There is no plugin ${name.slice(0, 100)}. ${there}`)
}
