import type { Stats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { isAbsolute, relative, resolve, sep } from 'node:path'
import type { FileContent, FileHead, Files, FileStat } from '@codegen/kit'
import { shownPath, toBytes } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { digestOf } from './digest.ts'
import { fileFailure, isErrorCode } from './file-failure.ts'
import { listFolder } from './list-folder.ts'
import { openRegular } from './open-in-root.ts'
import { isProtectedPath } from './protected-path.ts'
import { readAtMost } from './read-at-most.ts'
import { removeFile, replaceFile } from './replace-file.ts'
import type { Target } from './replace-file.ts'
import { findPlace, isInside } from './rooted-path.ts'
import type { Place } from './rooted-path.ts'
import type { RunFilesMemory } from './run-files-memory.ts'

export type FilesOptions = {
  /** The run's root and the call's folder in it: real paths, taken when the run started. A root swapped for a link later no longer matches. */
  readonly root: string
  readonly cwd: string
  /** What the run last saw of its files; one for all its calls. */
  readonly runMemory: RunFilesMemory
  /** Folders outside the root that may be read but not listed or written, such as where whole outputs are kept. Real paths. */
  readonly readableRoots?: readonly string[]
  /** Refuses writes that change what runs later (`isProtectedPath`), for a call whose owner was not asked. */
  readonly refuseProtected?: boolean
  /** More folders to protect, relative to the root: the daemon's own state, where it lies inside. */
  readonly protectedFolders?: readonly string[]
}

/**
 * The files of one call. Keeps nothing open between calls; all it remembers is in `runMemory`. A hard link in the project to a file outside it cannot be told
 * from any other file and is read; a write leaves the file outside alone.
 */
export function createFiles(options: FilesOptions): Files {
  const { runMemory } = options
  return {
    async read(path, { bytesMax, shown = true }) {
      const content = await readFile(await findReadable(options, path), bytesMax)
      if (shown) runMemory.saw(content.path, content.digest)
      return content
    },
    readHead: async (path, { bytesMax }) => readHead(await findReadable(options, path), bytesMax),
    stat: (path) => statFile(options, path),
    async write(path, bytes, how = {}) {
      const target = await findTarget(options, path)
      const { path: real, stats, created } = await replaceFile(target, bytes, how)
      runMemory.saw(real, digestOf(bytes))
      return { ...toFileStat(real, stats), kind: 'file', created }
    },
    async remove(path, { ifDigest }) {
      const target = await findTarget(options, path)
      await removeFile(target, { ifDigest, path: resolve(options.cwd, path) })
    },
    async lastSeen(path) {
      const place = await findIn(options, readable(options), path)
      return place.kind === 'there' ? runMemory.digestOf(place.path) : undefined
    },
    async list(path, { depth, entriesMax }) {
      const place = await findIn(options, [options.root], path)
      if (place.kind !== 'there') throw notFound(path)
      const scannedMax = limits.folderEntriesScannedMax
      return listFolder({ folder: place.path, root: options.root, shown: path, depth, entriesMax, scannedMax })
    },
  }
}

/**
 * Whether a write to this path, links followed, needs its owner's consent. The daemon asks before the call; `refuseProtected` holds at the write itself.
 */
export async function isProtectedTarget(options: FilesOptions, path: string): Promise<boolean> {
  return isProtected(options, await findTarget({ ...options, refuseProtected: false }, path))
}

type Readable = { readonly path: string; readonly roots: readonly string[]; readonly shown: string }

function readable(options: FilesOptions): readonly string[] {
  return [options.root, ...(options.readableRoots ?? [])]
}

function findIn(options: FilesOptions, roots: readonly string[], path: string): Promise<Place> {
  return findPlace(path, { cwd: options.cwd, roots })
}

async function findReadable(options: FilesOptions, path: string): Promise<Readable> {
  const roots = readable(options)
  const place = await findIn(options, roots, path)
  if (place.kind === 'there') return { path: place.path, roots, shown: path }
  throw place.kind === 'dangling' ? danglingLink(path, 'file.not_found') : notFound(path)
}

async function readFile(file: Readable, bytesMax: number): Promise<FileContent> {
  await using handle = await openRegular(file)
  try {
    const { size } = await handle.stat()
    const bytes = size > bytesMax ? undefined : await readAtMost(handle, bytesMax + 1)
    if (bytes === undefined || bytes.byteLength > bytesMax) throw tooBig(file.shown, size, bytesMax)
    return { path: file.path, bytes, digest: digestOf(bytes) }
  } catch (error) {
    throw fileFailure(error, file.shown, 'read')
  }
}

async function readHead(file: Readable, bytesMax: number): Promise<FileHead> {
  await using handle = await openRegular(file)
  try {
    const { size } = await handle.stat()
    return { path: file.path, bytes: await readAtMost(handle, bytesMax), size }
  } catch (error) {
    throw fileFailure(error, file.shown, 'read')
  }
}

async function statFile(options: FilesOptions, path: string): Promise<FileStat | undefined> {
  const place = await findIn(options, readable(options), path)
  if (place.kind !== 'there') return undefined
  try {
    const stats = await stat(place.path)
    return toFileStat(place.path, stats)
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return undefined
    throw fileFailure(error, path, 'read')
  }
}

function toFileStat(path: string, stats: Stats): FileStat {
  const kind = stats.isFile() ? 'file' : stats.isDirectory() ? 'folder' : 'other'
  return { path, kind, size: stats.size, modifiedMs: stats.mtimeMs, mode: stats.mode & 0o777 }
}

async function findTarget(options: FilesOptions, path: string): Promise<Target> {
  const place = await findIn(options, [options.root], path)
  if (place.kind === 'dangling') throw danglingLink(path, 'file.bad_path')
  const target = toTarget(options.root, place, path)
  if (options.refuseProtected && isProtected(options, target)) {
    throw new Failure(
      'tool.denied',
      `${shownPath(path)} decides what runs later, so changing it needs the owner's consent.`,
    )
  }
  return target
}

function toTarget(root: string, place: Exclude<Place, { kind: 'dangling' }>, shown: string): Target {
  if (place.kind === 'there') {
    if (!isInside(root, place.path) || place.path === root)
      throw new Failure('file.not_regular', `${shownPath(shown)} is a folder, not a file.`)
    const at = place.path.lastIndexOf(sep)
    return { root, shown, folder: place.path.slice(0, at) || sep, missing: [], name: place.path.slice(at + 1) }
  }
  const name = place.names.at(-1)
  if (name === undefined || shown.endsWith('/')) {
    throw new Failure('file.bad_path', `${shownPath(shown)} names a folder; name the file in it.`)
  }
  return { root, shown, folder: place.folder, missing: place.names.slice(0, -1), name }
}

function isProtected({ root, protectedFolders }: FilesOptions, target: Target): boolean {
  const inRoot = relative(root, [target.folder, ...target.missing, target.name].join(sep))
  return isAbsolute(inRoot) || isProtectedPath(inRoot, protectedFolders)
}

function notFound(path: string): Failure {
  return new Failure('file.not_found', `${shownPath(path)} does not exist.`)
}

function danglingLink(path: string, code: 'file.not_found' | 'file.bad_path'): Failure {
  return new Failure(code, `${shownPath(path)} is a link to something that does not exist.`)
}

function tooBig(path: string, size: number, bytesMax: number): Failure {
  return new Failure(
    'file.too_big',
    `${shownPath(path)} is ${toBytes(size)}; at most ${toBytes(bytesMax)} can be read at once. Use Shell with sed, head, tail or grep for a part of it.`,
  )
}
