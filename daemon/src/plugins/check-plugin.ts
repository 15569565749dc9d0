import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'
import { parseManifest } from '#plugin-process/manifest'
import type { MadeOf } from '#plugin-process/manifest'
import { digestOf, lookAtFolder } from './plugin-folder.ts'

export type CheckedPlugin = DaemonMethods['plugins/check']['result']

/** Holds a folder against all that can be said of a plugin without running any of it. Fails with plugin.refused. */
export async function checkPlugin(folder: string): Promise<CheckedPlugin> {
  const look = await lookAtFolder(folder)
  if (!look) throw new Failure('plugin.refused', `There is no folder ${folder}.`)
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
  const manifest = parseManifest(text)
  if (!manifest) throw new Failure('plugin.refused', 'It is no plugin: it has no package.json with a "codegen" field.')
  const { name, version, made, permissions } = manifest
  const [program = ''] = wordsOf(made)
  // A program without a path is found where codegend finds programs.
  const isInside = made.kind === 'module' || program.startsWith('./')
  const file = program.replace(/^\.\//, '')
  if (isInside && !look.files.includes(file))
    throw new Failure('plugin.refused', `It has no ${file}, which its package.json names.`)
  const command = made.kind === 'command' ? { command: [...made.command] } : {}
  return { name, version, permissions, ...command, digest: await digestOf(folder, look.files) }
}

/** A server is no package. */
function wordsOf(made: MadeOf): readonly string[] {
  if (made.kind === 'module') return [made.main]
  return made.kind === 'command' ? made.command : []
}
