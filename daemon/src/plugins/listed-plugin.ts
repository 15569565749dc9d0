import type { InstalledPlugin, PluginState } from './installed-plugin.ts'
import type { Guard } from './plugin-consent.ts'
import type { Containment, Manifest, PluginPermissions, ServerAsk } from '#plugin-process/manifest'

/** A plugin as its owner is shown it. */
export type ListedPlugin = {
  name: string
  version: string
  folder: string
  state: PluginState
  /** What it asks for. */
  permissions: { -readonly [Name in keyof PluginPermissions]: PluginPermissions[Name] }
  /** What holds its process, or would. */
  containment?: Containment
  /** What is started, where it is no module. */
  command?: string[]
  /** What is offered of it now, by the last good version. */
  tools: string[]
  /** The project it comes with. */
  project?: string
  problem?: string
  /** What a server asks for. */
  server?: { command?: string; cwd?: string; url?: string; env: string[]; headers: string[] }
  /** What is not offered of it, and why. */
  left_out?: string[]
  dev?: boolean
}

export function toListedPlugin(plugin: InstalledPlugin): ListedPlugin {
  const { root, folder, manifest, containment, state, leftOut, serving } = plugin
  const problem = [plugin.problem, plugin.hookFault].filter(Boolean).join(' ')
  return {
    name: manifest?.name ?? folder.slice(folder.lastIndexOf('/') + 1),
    version: manifest?.version ?? '',
    folder,
    state,
    permissions: manifest?.permissions ?? askedForNothing,
    containment,
    tools: (serving?.tools ?? []).map(({ name }) => name),
    ...(root.project === undefined ? {} : { project: root.project }),
    ...(problem === '' ? {} : { problem }),
    ...toStarted(manifest),
    ...(serving && leftOut.length > 0 ? { left_out: [...leftOut] } : {}),
  }
}

/** What is started where it is no module. */
function toStarted(manifest: Manifest | undefined): Pick<ListedPlugin, 'command' | 'server'> {
  const made = manifest?.made
  if (made?.kind === 'command') return { command: [...made.command] }
  return made?.kind === 'server' ? { server: toListedServer(made.server) } : {}
}

function toListedServer({ command, cwd, url, env, headers }: ServerAsk): NonNullable<ListedPlugin['server']> {
  const place = { ...(command === undefined ? {} : { command }), ...(cwd === undefined ? {} : { cwd }) }
  return { ...place, ...(url === undefined ? {} : { url }), env: [...env], headers: [...headers] }
}

/** A plugin that its owner allowed to see calls before they run, and whose folder is gone. */
export function toMissingGuard({ name, project, tools }: Guard): ListedPlugin {
  const problem = `It is gone. It was allowed to see calls first, so these are refused until it is back, or: codegen plugins disable ${name}`
  const permissions = { ...askedForNothing, hooks: { before: [...tools], after: [] } }
  const where = project === undefined ? {} : { project }
  return { name, version: '', folder: '', state: 'refused', permissions, tools: [], ...where, problem }
}

const askedForNothing: ListedPlugin['permissions'] = {
  read: [],
  write: [],
  exec: false,
  net: [],
  env: [],
  hooks: { before: [], after: [] },
}
