import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import type { Stats } from 'node:fs'
import { access, mkdir, open, rename, unlink } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { digestOf } from './digest.ts'
import { fileFailure, isErrorCode } from './file-failure.ts'
import { openFolder, openRegular, refuseIrregular } from './open-in-root.ts'
import type { OpenFolder } from './open-in-root.ts'
import { lstatIfThere } from './rooted-path.ts'

/** A file to be replaced: real folder that is there, names of folders to make below it, the file's name, and the path to name in a failure. */
export type Target = {
  readonly folder: string
  readonly missing: readonly string[]
  readonly name: string
  readonly root: string
  readonly shown: string
}
export type Replaced = { readonly path: string; readonly stats: Stats; readonly created: boolean }

/**
 * Puts a whole new content at a path in one step: temporary file beside it, then rename. Whoever reads the path sees the old or the new content, never
 * a mixture; a hard link keeps the old one. Mode and owner are kept. With `ifDigest` (null: nothing there) the content is compared
 * right before the rename, and file.changed leaves everything as it was. Writes to one path follow each other.
 */
export async function replaceFile(
  target: Target,
  bytes: Uint8Array,
  how: { ifDigest?: string | null; mode?: number },
): Promise<Replaced> {
  const path = toPath(target)
  return inTurn(path, async () => {
    try {
      await using folder = await openOrMakeFolder(target)
      return { path, ...(await replaceIn(folder, { target, bytes, ...how })) }
    } catch (error) {
      throw fileFailure(error, target.shown, 'write')
    }
  })
}

/**
 * Removes a regular file that still has the digest given, in turn with the writes to it. `path` is how it was named: a link is not removed for what it leads to. Fails with file.changed,
 * file.not_found, file.not_regular or file.unwritable.
 */
export async function removeFile(target: Target, how: { ifDigest: string; path: string }): Promise<void> {
  return inTurn(toPath(target), async () => {
    try {
      const named = await lstatIfThere(how.path, target.shown)
      if (named === undefined) throw new Failure('file.not_found', `${shownPath(target.shown)} does not exist.`)
      refuseIrregular(named, target.shown)
      await using folder = await openFolder({ path: target.folder, roots: [target.root], shown: target.shown })
      await access(folder.at(target.name), constants.W_OK)
      await refuseChanged(folder, { target, ifDigest: how.ifDigest })
      await unlink(folder.at(target.name))
    } catch (error) {
      throw fileFailure(error, target.shown, 'write')
    }
  })
}

function toPath({ folder, missing, name }: Target): string {
  return join(folder, ...missing, name)
}

type Checked = { target: Target; ifDigest?: string | null }
type Replacement = Checked & { bytes: Uint8Array; mode?: number }

async function replaceIn(folder: OpenFolder, replacement: Replacement): Promise<Omit<Replaced, 'path'>> {
  const { target, bytes, ifDigest, mode } = replacement
  const existing = await lstatIfThere(folder.at(target.name), target.shown)
  if (existing) {
    refuseIrregular(existing, target.shown)
    // A rename needs no leave from the file itself, yet a file made read-only was meant to stay as it is.
    await access(folder.at(target.name), constants.W_OK)
  }
  const temporary = folder.at(`.codegen-${randomBytes(8).toString('hex')}.tmp`)
  try {
    const stats = await writeTemporary(temporary, bytes, existing ?? mode)
    if (ifDigest !== undefined) await refuseChanged(folder, replacement)
    await rename(temporary, folder.at(target.name))
    return { stats, created: existing === undefined }
  } catch (error) {
    await unlink(temporary).catch(() => undefined)
    throw error
  }
}

async function openOrMakeFolder(target: Target): Promise<OpenFolder> {
  const roots = [target.root]
  let path = target.folder
  let folder = await openFolder({ path, roots, shown: target.shown })
  for (const name of target.missing) {
    await using parent = folder
    await mkdir(parent.at(name)).catch((error: unknown) => {
      if (!isErrorCode(error, 'EEXIST')) throw error
    })
    path = join(path, name)
    folder = await openFolder({ path: parent.at(name), roots, shown: target.shown })
  }
  return folder
}

async function writeTemporary(temporary: string, bytes: Uint8Array, like: Stats | number | undefined): Promise<Stats> {
  const existing = typeof like === 'object' ? like : undefined
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  await using handle = await open(temporary, flags, existing ? existing.mode & 0o777 : 0o666)
  await handle.writeFile(bytes)
  if (existing) await keepOwnerAndMode(handle, existing)
  else if (typeof like === 'number') await handle.chmod(like & 0o777)
  // A rename that reaches the disk before the bytes would leave an empty file after a loss of power.
  await handle.datasync()
  return await handle.stat()
}

async function keepOwnerAndMode(handle: FileHandle, existing: Stats): Promise<void> {
  const made = await handle.stat()
  if (made.uid !== existing.uid || made.gid !== existing.gid) {
    await handle.chown(existing.uid, existing.gid).catch((error: unknown) => {
      if (!isErrorCode(error, 'EPERM')) throw error
    })
  }
  await handle.chmod(existing.mode & 0o777)
}

async function refuseChanged(folder: OpenFolder, { target, ifDigest }: Checked): Promise<void> {
  const there = await lstatIfThere(folder.at(target.name), target.shown)
  const digest = there ? await currentDigest(folder, target) : null
  if (digest === ifDigest) return
  throw new Failure(
    'file.changed',
    `${shownPath(target.shown)} changed on disk in this moment. Read it again, then repeat the change.`,
  )
}

async function currentDigest(folder: OpenFolder, target: Target): Promise<string> {
  await using handle = await openRegular({ path: folder.at(target.name), roots: [target.root], shown: target.shown })
  return digestOf(await handle.readFile())
}

/** The last write under way to each path. One table a process: two runs may write one file. */
const lastWrites = new Map<string, Promise<unknown>>()

async function inTurn<Result>(path: string, write: () => Promise<Result>): Promise<Result> {
  const previous = lastWrites.get(path) ?? Promise.resolve()
  const current = previous.then(write, write)
  lastWrites.set(path, current)
  try {
    return await current
  } finally {
    if (lastWrites.get(path) === current) lastWrites.delete(path)
  }
}
