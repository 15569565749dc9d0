import type { Stats } from 'node:fs'
import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, resolve, sep } from 'node:path'
import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { fileFailure, isErrorCode } from './file-failure.ts'

/** Where a path leads: to something; to nothing yet, `names` below a real folder; or along a link to nothing. All paths are real. */
export type Place =
  | { readonly kind: 'there'; readonly path: string }
  | { readonly kind: 'absent'; readonly folder: string; readonly names: readonly string[] }
  | { readonly kind: 'dangling'; readonly path: string }

/**
 * Finds where a path leads, every link on the way followed. Fails with file.outside_workspace unless that is inside one of `roots`, which must
 * be real paths, and with file.bad_path for what cannot be a path.
 */
export async function findPlace(path: string, within: { cwd: string; roots: readonly string[] }): Promise<Place> {
  const absolute = toAbsolute(path, within.cwd)
  const names: string[] = []
  for (let current = absolute; ; current = dirname(current)) {
    const found = await realPathIfThere(current, path)
    if (found !== undefined) {
      if (!within.roots.some((root) => isInside(root, found))) throw outsideWorkspace(path)
      return names.length === 0 ? { kind: 'there', path: found } : { kind: 'absent', folder: found, names }
    }
    if (await isLink(current, path)) return { kind: 'dangling', path: current }
    names.unshift(basename(current))
  }
}

/** Whether a real path is a root or below it; `/proj2` is not inside `/proj`. */
export function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep)
}

export function outsideWorkspace(path: string): Failure {
  return new Failure(
    'file.outside_workspace',
    `${shownPath(path)} leads out of the project; only what is inside it can be used.`,
  )
}

function toAbsolute(path: string, cwd: string): string {
  if (path === '') throw new Failure('file.bad_path', 'The path is empty; name a file or folder.')
  if (path.includes('\0')) throw new Failure('file.bad_path', 'The path holds a NUL character.')
  const absolute = resolve(cwd, path)
  const bytes = Math.max(Buffer.byteLength(path), Buffer.byteLength(absolute))
  if (bytes > limits.pathBytesMax) {
    throw new Failure(
      'file.bad_path',
      `The path is ${bytes} bytes long; at most ${limits.pathBytesMax} can be a file's path.`,
    )
  }
  const levels = absolute.split(sep).length - 1
  if (levels > limits.pathLevelsMax) {
    throw new Failure(
      'file.bad_path',
      `The path goes down ${levels} levels; at most ${limits.pathLevelsMax} are allowed.`,
    )
  }
  return absolute
}

async function realPathIfThere(absolute: string, path: string): Promise<string | undefined> {
  try {
    return await realpath(absolute)
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return undefined
    throw fileFailure(error, path, 'read')
  }
}

async function isLink(absolute: string, path: string): Promise<boolean> {
  const stats = await lstatIfThere(absolute, path)
  return stats?.isSymbolicLink() ?? false
}

/** What is at a path itself, links not followed; undefined where nothing is. */
export async function lstatIfThere(absolute: string, path: string): Promise<Stats | undefined> {
  try {
    return await lstat(absolute)
  } catch (error) {
    if (isErrorCode(error, 'ENOENT')) return undefined
    throw fileFailure(error, path, 'read')
  }
}
