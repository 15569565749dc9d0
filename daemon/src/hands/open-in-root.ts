import { constants } from 'node:fs'
import { lstat, open, readlink, realpath } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { fileFailure, isErrorCode } from './file-failure.ts'
import { isInside, outsideWorkspace } from './rooted-path.ts'

/** A real path that was checked, the roots it must be in, and the path to name in a failure. */
export type Checked = { readonly path: string; readonly roots: readonly string[]; readonly shown: string }

/** An open folder: `at` names something in it, and goes on naming it in this folder whatever happens to the folder's own path. */
export type OpenFolder = AsyncDisposable & { at(name: string): string }

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_NOCTTY } = constants

/**
 * Opens a regular file for reading without ever waiting: not for a FIFO's writer, a device or a socket, which are file.not_regular. What was opened is
 * checked again, so that a folder swapped for a link since the path was checked leads nowhere.
 */
export async function openRegular(checked: Checked): Promise<FileHandle> {
  try {
    // Opening a device can have an effect of its own, so its kind is looked at first; the handle is what counts.
    refuseIrregular(await lstat(checked.path), checked.shown)
    const handle = await open(checked.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
    return await keepIf(handle, async () => {
      refuseIrregular(await handle.stat(), checked.shown)
      await refuseOutside(handle, checked)
    })
  } catch (error) {
    throw fileFailure(error, checked.shown, 'read')
  }
}

/** Opens a folder and checks where it really is. Close it after use. */
export async function openFolder(checked: Checked): Promise<OpenFolder> {
  const handle = await open(checked.path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
  await keepIf(handle, () => refuseOutside(handle, checked))
  const throughHandle = `/proc/self/fd/${handle.fd}`
  const base = (await hasProcessFolder()) ? throughHandle : checked.path
  return { at: (name) => join(base, name), [Symbol.asyncDispose]: () => handle.close() }
}

type Kind = {
  isFile(): boolean
  isDirectory(): boolean
  isFIFO(): boolean
  isSocket(): boolean
  isSymbolicLink(): boolean
}

/** Refuses anything but a regular file, saying what it is. */
export function refuseIrregular(kind: Kind, path: string): void {
  if (kind.isFile()) return
  throw new Failure('file.not_regular', `${shownPath(path)} is ${kindInWords(kind)}, not a regular file.`)
}

function kindInWords(kind: Kind): string {
  if (kind.isDirectory()) return 'a folder'
  if (kind.isFIFO()) return 'a FIFO'
  if (kind.isSocket()) return 'a socket'
  return kind.isSymbolicLink() ? 'a link' : 'a device'
}

async function keepIf(handle: FileHandle, check: () => Promise<void>): Promise<FileHandle> {
  try {
    await check()
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

async function refuseOutside(handle: FileHandle, { path, roots, shown }: Checked): Promise<void> {
  const real = await pathOfHandle(handle, path)
  if (!roots.some((root) => isInside(root, real))) throw outsideWorkspace(shown)
}

/** Linux knows what an open handle's path is now; elsewhere the path is resolved once more, which narrows the gap without closing it. */
async function pathOfHandle(handle: FileHandle, path: string): Promise<string> {
  try {
    return await readlink(`/proc/self/fd/${handle.fd}`)
  } catch (error) {
    if (!isErrorCode(error, 'ENOENT')) throw error
    return realpath(path)
  }
}

let processFolder: Promise<boolean> | undefined

function hasProcessFolder(): Promise<boolean> {
  processFolder ??= lstat('/proc/self/fd').then(
    () => true,
    () => false,
  )
  return processFolder
}
