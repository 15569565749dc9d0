import { createHash, randomUUID } from 'node:crypto'
import { cp, lstat, readFile, readdir, realpath, rename, rm } from 'node:fs/promises'
import { basename, join, relative } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'

/** Everything below a plugin's folder, as it is at one moment. */
export type FolderLook = {
  /** Changes whenever a file's name, size, time or mode does. */
  readonly stamp: string
  /** When anything of it changed last, by the clock of the disk. */
  readonly changedMs: number
  /** Relative paths of its files. */
  readonly files: readonly string[]
}

/**
 * Looks at a plugin's folder without reading its files. Undefined where it is none any more. Fails with plugin.refused: it is not its owner's alone, leads out of
 * itself, or is too big.
 */
export async function lookAtFolder(folder: string): Promise<FolderLook | undefined> {
  const hash = createHash('sha256')
  const files: string[] = []
  let [bytes, changedMs] = [0, 0]
  const pending = [folder]
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const found = await lstat(path).catch(() => undefined)
    if (!found) {
      if (path === folder) return undefined
      continue
    }
    const name = relative(folder, path)
    if (found.isSymbolicLink()) await checkLink(folder, path)
    else checkOwner(name || 'its folder', found)
    changedMs = Math.max(changedMs, found.ctimeMs)
    hash.update(`${name}\0${found.ino} ${found.size} ${found.mtimeMs} ${found.mode}\n`)
    if (found.isDirectory()) {
      pending.push(...(await childrenOf(path)))
    } else if (found.isFile() || found.isSymbolicLink()) {
      files.push(name)
      bytes += found.size
    } else throw refused(`${name} is neither a file nor a folder`)
    if (files.length > limits.pluginFilesMax) throw refused(`it has more than ${limits.pluginFilesMax} files`)
    if (bytes > limits.pluginBytesMax) throw refused(`it has more than ${limits.pluginBytesMax} bytes`)
  }
  return { stamp: hash.digest('hex'), changedMs, files: files.toSorted((a, b) => (a < b ? -1 : 1)) }
}

async function childrenOf(path: string): Promise<string[]> {
  const names = await readdir(path).catch(() => [])
  const wanted = names.filter((name) => !isNoPart(name))
  return wanted.toSorted((a, b) => (a < b ? -1 : 1)).map((name) => join(path, name))
}

/** What an author keeps beside a plugin: its history. */
function isNoPart(name: string): boolean {
  return name === '.git'
}

/** Whether others than this user may put something here. A sentence's end, or undefined. */
export function whyNotPrivate({ uid, mode }: { uid: number; mode: number }): string | undefined {
  if (process.getuid && uid !== process.getuid()) return `belongs to another user (${uid})`
  return mode & 0o022 ? 'can be written by others (chmod go-w)' : undefined
}

/**
 * Keeps a copy of a plugin's folder under its content's digest, so that what runs stays what it was whatever becomes of the folder. Answers where it is. The same content
 * is kept once.
 */
export async function keepCopy(folder: string, files: readonly string[], keptIn: string): Promise<KeptCopy> {
  const digest = await digestOf(folder, files)
  const kept = join(keptIn, digest)
  if (await lstat(kept).catch(() => undefined)) return { folder: kept, digest }
  const fresh = join(keptIn, `.${randomUUID()}`)
  try {
    const filter = (path: string): boolean => !isNoPart(basename(path))
    await cp(folder, fresh, { recursive: true, verbatimSymlinks: true, filter })
    if ((await digestOf(fresh, files)) !== digest) throw refused('it changed while it was read')
    await rename(fresh, kept)
  } finally {
    await rm(fresh, { recursive: true, force: true })
  }
  return { folder: kept, digest }
}

export type KeptCopy = { readonly folder: string; readonly digest: string }

/** Of the names and the content of all these files. Fails with plugin.refused where one cannot be read. */
export async function digestOf(folder: string, files: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const file of files) {
    const bytes = await readFile(join(folder, file)).catch(() => {
      throw refused(`${file} cannot be read`)
    })
    hash.update(`${file}\0${bytes.byteLength}\n`).update(bytes)
  }
  return hash.digest('hex').slice(0, 32)
}

async function checkLink(folder: string, path: string): Promise<void> {
  const target = await realpath(path).catch(() => undefined)
  if (target?.startsWith(`${await realpath(folder)}/`)) return
  throw refused(`${relative(folder, path) || 'it'} is a link that leads out of the folder`)
}

function checkOwner(name: string, found: { uid: number; mode: number }): void {
  const reason = whyNotPrivate(found)
  if (reason) throw refused(`${name} ${reason}`)
}

function refused(reason: string): Failure {
  return new Failure('plugin.refused', `The plugin is not loaded: ${reason}.`)
}
