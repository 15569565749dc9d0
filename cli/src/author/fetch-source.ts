import { chmod, cp, lstat, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { isObject } from '#parse-news'
import { fetchGit } from './fetch-git.ts'
import { fetchPackage, installDependencies } from './fetch-package.ts'
import type { PluginSource } from './parse-source.ts'

/** What was fetched, and what pins it. */
export type Fetched = {
  readonly folder: string
  readonly commit?: string
  readonly integrity?: string
  readonly remark?: string
}

/**
 * Fetches a plugin into a folder of its own below `scratch`, which is there and empty. Nothing of it runs: no install scripts, no hooks, no filters of its own. Fails with
 * one sentence that says what could not be had.
 */
export async function fetchSource(source: PluginSource, scratch: string, signal: AbortSignal): Promise<Fetched> {
  const fetched = await fetchInto(source, scratch, signal)
  await closeToOthers(fetched.folder)
  return fetched
}

async function fetchInto(source: PluginSource, scratch: string, signal: AbortSignal): Promise<Fetched> {
  const folder = join(scratch, 'plugin')
  if (source.kind === 'npm') return fetchPackage(source, scratch, signal)
  if (source.kind === 'folder') return copyFolder(source.folder, folder)
  await mkdir(folder)
  const { commit } = await fetchGit(source, folder, signal)
  await rm(join(folder, '.git'), { recursive: true, force: true })
  if (await hasDependencies(folder)) await installDependencies(folder, signal)
  return { folder, commit }
}

/** Without its history, and without what only its author needs. */
async function copyFolder(from: string, to: string): Promise<Fetched> {
  const needsModules = await hasDependencies(from)
  const leftOut = new Set(needsModules ? ['.git'] : ['.git', 'node_modules'])
  await cp(from, to, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (path) => path === from || !leftOut.has(basename(path)),
  })
  return { folder: to, remark: `copied without ${[...leftOut].join(' and ')}` }
}

async function hasDependencies(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => '{}')
  try {
    const found: unknown = JSON.parse(text)
    return isObject(found) && isObject(found['dependencies']) && Object.keys(found['dependencies']).length > 0
  } catch {
    throw new Failure('plugin.refused', 'Its package.json is no JSON.')
  }
}

/** Whatever the umask is: codegend runs nothing others can write to. */
async function closeToOthers(path: string): Promise<void> {
  const found = await lstat(path)
  if (found.isSymbolicLink()) return
  if (found.mode & 0o022) await chmod(path, found.mode & 0o755)
  if (!found.isDirectory()) return
  for (const name of await readdir(path)) await closeToOthers(join(path, name))
}
