import type { Dirent } from 'node:fs'
import { opendir, readlink } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { FileEntry, FileListing } from '@codegen/kit'
import { fileFailure } from './file-failure.ts'
import { ignoredAbove, withGitignoreOf } from './gitignore-files.ts'
import type { IgnoredPaths } from './ignored-paths.ts'
import { openFolder } from './open-in-root.ts'
import type { OpenFolder } from './open-in-root.ts'

export type ListRequest = {
  /** Real path of the folder, and of the run's root. */
  readonly folder: string
  readonly root: string
  /** The path to name in a failure. */
  readonly shown: string
  readonly depth: number
  readonly entriesMax: number
  /** Names looked at before it stops counting. */
  readonly scannedMax: number
}

type Walk = ListRequest & {
  /** The folder that ignore rules count from, and what of it leads to the listed folder. */
  readonly prefix: string
  readonly entries: FileEntry[]
  total: number
  scanned: number
  isExact: boolean
}
type Level = { readonly path: string; readonly ignored: IgnoredPaths }
type Named = { readonly name: string; readonly kind: FileEntry['kind'] }

/**
 * Lists the tree below a folder, level by level, so that a deep folder never crowds out what lies nearer. Looks at a bounded number of names whatever
 * the tree's size; what it did not get to makes the total inexact.
 */
export async function listFolder(request: ListRequest): Promise<FileListing> {
  const above = await ignoredAbove(request.folder, request.root)
  const prefix = relative(above.top, request.folder)
  const walk: Walk = { ...request, prefix, entries: [], total: 0, scanned: 0, isExact: true }

  let level: Level[] = [{ path: '', ignored: above.ignored }]
  for (let depth = 1; depth <= request.depth && level.length > 0; depth++) {
    const next: Level[] = []
    for (const folder of level) next.push(...(await listOne(walk, folder)))
    level = next
  }
  return {
    path: request.folder,
    entries: walk.entries.toSorted((one, other) => comparePaths(one.path, other.path)),
    total: walk.total,
    totalIsExact: walk.isExact,
    ignored: above.wasIgnored,
  }
}

/** Adds what one folder holds and returns the folders in it. */
async function listOne(walk: Walk, level: Level): Promise<Level[]> {
  if (walk.scanned >= walk.scannedMax) {
    walk.isExact = false
    return []
  }
  const path = join(walk.folder, level.path)
  try {
    await using folder = await openFolder({ path, roots: [walk.root], shown: walk.shown })
    const ignored = await withGitignoreOf(folder, joined(walk.prefix, level.path), level.ignored)
    const names = await readNames(walk, { folder, path: level.path, ignored })
    walk.total += names.length
    for (const { name, kind } of names) {
      if (walk.entries.length === walk.entriesMax) break
      walk.entries.push(await toEntry(folder, { name, kind, path: joined(level.path, name) }))
    }
    return names
      .filter(({ kind }) => kind === 'folder')
      .map(({ name }) => ({ path: joined(level.path, name), ignored }))
  } catch (error) {
    if (level.path === '') throw fileFailure(error, walk.shown, 'read')
    // A folder that vanished or may not be read is named as an entry; what is in it is unknown.
    walk.isExact = false
    return []
  }
}

type Reading = { folder: OpenFolder; path: string; ignored: IgnoredPaths }

async function readNames(walk: Walk, { folder, path, ignored }: Reading): Promise<Named[]> {
  const names: Named[] = []
  for await (const entry of await opendir(folder.at('.'), { bufferSize: 1024 })) {
    if (walk.scanned === walk.scannedMax) {
      walk.isExact = false
      break
    }
    walk.scanned++
    const kind = kindOf(entry)
    const fromTop = joined(walk.prefix, path, entry.name)
    if (entry.name !== '.git' && !ignored.has(fromTop, kind === 'folder' ? 'folder' : 'other')) {
      names.push({ name: entry.name, kind })
    }
  }
  return names.toSorted((one, other) => comparePaths(one.name, other.name))
}

function kindOf(entry: Dirent): FileEntry['kind'] {
  if (entry.isSymbolicLink()) return 'link'
  if (entry.isDirectory()) return 'folder'
  return entry.isFile() ? 'file' : 'other'
}

async function toEntry(folder: OpenFolder, named: Named & { path: string }): Promise<FileEntry> {
  if (named.kind !== 'link') return { path: named.path, kind: named.kind }
  const target = await readlink(folder.at(named.name)).catch(() => '?')
  return { path: named.path, kind: 'link', target }
}

function joined(...names: string[]): string {
  return names.filter((name) => name !== '').join('/')
}

/** Puts what is in a folder right after it, before `folder-2` or `folder.ts`. */
function comparePaths(one: string, other: string): number {
  const a = one.replaceAll('/', '\0')
  const b = other.replaceAll('/', '\0')
  return a < b ? -1 : a > b ? 1 : 0
}
