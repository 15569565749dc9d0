import { rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { dataFolder } from './installed-plugin.ts'
import type { InstalledPlugin } from './installed-plugin.ts'
import type { PluginConsent } from './plugin-consent.ts'
import type { PluginLogs } from './plugin-logs.ts'
import type { PluginSet } from './plugin-set.ts'

/** What went with a plugin. */
export type RemovedPlugin = { folder: string; data_folder?: string }

export type RemoveParts = {
  readonly set: Pick<PluginSet, 'all' | 'settled'>
  readonly consent: Pick<PluginConsent, 'forget'>
  readonly logs: Pick<PluginLogs, 'forget'>
  readonly home: string
}

/** Takes a plugin of `plugins/` in CODEGEN_HOME away, with what was allowed to it. Fails with plugin.refused for one that lies elsewhere, or in one file or folder with others. */
export async function removePlugin(
  plugin: InstalledPlugin,
  withData: boolean,
  { set, consent, logs, home }: RemoveParts,
): Promise<RemovedPlugin> {
  const { folder, root, manifest } = plugin
  const name = manifest?.name ?? ''
  if (root.folder !== join(home, 'plugins'))
    throw new Failure('plugin.refused', `The plugin ${name} lies in ${folder}; take it away there.`)
  const others = set.all().filter((other) => other !== plugin && other.folder === folder)
  if (others.length > 0) {
    const names = others.map(({ manifest: { name: other } = { name: '' } }) => other).join(', ')
    throw new Failure('plugin.refused', `${folder} brings ${names} as well; take ${name} out of it there.`)
  }
  await rm(folder, { recursive: true, force: true })
  consent.forget(name, root)
  await set.settled()
  const data = dataFolder(home, name, root)
  if (withData) await rm(data, { recursive: true, force: true })
  // One in which nothing is.
  else await rmdir(data).catch(() => undefined)
  logs.forget(name)
  return { folder, ...(withData ? { data_folder: data } : {}) }
}
