import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'
import { parseManifest } from '#plugin-process/manifest'
import { digestOf, lookAtFolder } from './plugin-folder.ts'

export type CheckedPlugin = DaemonMethods['plugins/check']['result']

/** Holds a folder against all that can be said of a plugin without running any of it. Fails with plugin.refused. */
export async function checkPlugin(folder: string): Promise<CheckedPlugin> {
  const look = await lookAtFolder(folder)
  if (!look) throw new Failure('plugin.refused', `There is no folder ${folder}.`)
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
  const manifest = parseManifest(text)
  if (!manifest) throw new Failure('plugin.refused', 'It is no plugin: it has no package.json with a "codegen" field.')
  const { name, version, main, permissions } = manifest
  if (!look.files.includes(main))
    throw new Failure('plugin.refused', `It has no ${main}, which its package.json names.`)
  return { name, version, permissions, digest: await digestOf(folder, look.files) }
}
