import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { Client } from '#client'
import { isObject } from '#parse-news'

/** What was fetched of one plugin: from where, which version or commit that was, and the digest of its files. */
export type LockEntry = {
  readonly source: string
  readonly version: string
  /** Of a git repository. */
  readonly commit?: string
  /** Of an npm package, as its registry tells it. */
  readonly integrity?: string
  readonly digest: string
  readonly added: string
}

export type Lock = Readonly<Record<string, LockEntry>>

const fileIn = (home: string): string => join(home, 'plugins.lock.json')

/** Fails with config.invalid for a file that cannot be read as one of ours: it is not overwritten. */
export async function loadLock(home: string): Promise<Lock> {
  const path = fileIn(home)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw unreadable(path)
  })
  if (text === undefined) return {}
  const found = parse(text)
  const plugins = isObject(found) && found['version'] === 1 ? found['plugins'] : undefined
  if (!isObject(plugins)) throw unreadable(path)
  return Object.fromEntries(
    Object.entries(plugins).map(([name, entry]) => {
      if (isEntry(entry)) return [name, entry]
      throw unreadable(path)
    }),
  )
}

export async function saveLock(home: string, lock: Lock): Promise<void> {
  const path = fileIn(home)
  const sorted = Object.entries(lock).toSorted(([a], [b]) => (a < b ? -1 : 1))
  const text = JSON.stringify({ version: 1, plugins: Object.fromEntries(sorted) }, undefined, 2)
  await writeFile(`${path}.new`, `${text}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/** Of each plugin that was fetched: from where, and whether its files are still those. */
export async function readLock(client: Client): Promise<Map<string, { source: string; changed_by_hand: boolean }>> {
  const lock = await loadLock((await client.status()).home)
  const { plugins: listed } = await client.listPlugins(process.cwd())
  const found = await Promise.all(
    listed.map(async ({ name, folder, dev }) => {
      const entry = Object.hasOwn(lock, name) ? lock[name] : undefined
      if (!entry || dev) return undefined
      const digest = await client.checkPlugin(folder).then(
        (checked) => checked.digest,
        () => undefined,
      )
      return [name, { source: entry.source, changed_by_hand: digest !== entry.digest }] as const
    }),
  )
  return new Map(found.filter((one) => one !== undefined))
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isEntry(entry: unknown): entry is LockEntry {
  return isObject(entry) && ['source', 'version', 'digest', 'added'].every((field) => typeof entry[field] === 'string')
}

function unreadable(path: string): Failure {
  return new Failure('config.invalid', `${path} cannot be read as a lock file of version 1; mend it or move it away.`)
}
