import type { InstalledPlugin, PluginState } from './installed-plugin.ts'
import type { PluginPermissions } from '#plugin-process/manifest'

/** A plugin as its owner is shown it. */
export type ListedPlugin = {
  name: string
  version: string
  folder: string
  state: PluginState
  /** What it asks for. */
  permissions: { -readonly [Name in keyof PluginPermissions]: PluginPermissions[Name] }
  /** What is offered of it now, by the last good version. */
  tools: string[]
  /** The project it comes with. */
  project?: string
  problem?: string
  dev?: boolean
}

export function toListedPlugin({ root, folder, manifest, state, problem, serving }: InstalledPlugin): ListedPlugin {
  return {
    name: manifest?.name ?? folder.slice(folder.lastIndexOf('/') + 1),
    version: manifest?.version ?? '',
    folder,
    state,
    permissions: manifest?.permissions ?? { read: [], write: [], exec: false, net: [], env: [] },
    tools: (serving?.tools ?? []).map(({ name }) => name),
    ...(root.project === undefined ? {} : { project: root.project }),
    ...(problem === undefined ? {} : { problem }),
  }
}
