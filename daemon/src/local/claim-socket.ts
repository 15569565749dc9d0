import { lstat, rename, link, unlink } from 'node:fs/promises'
import { lstatSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { once } from 'node:events'
import type { Server } from 'node:net'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { askWhoIsThere } from './who-is-there.ts'

/** A file as this process saw it: the same path may be another file later. */
export type FileIdentity = { device: bigint; inode: bigint; modifiedNs: bigint }

/**
 * Makes `server` listen on `path`, mode 0600 from the first moment. A socket nobody listens on is taken over; of daemons that start at once exactly
 * one wins. Fails with client.busy, naming the pid, where a codegend is there already, and with config.invalid where something else is:
 * what is no socket is never removed.
 */
export async function claimSocket(server: Server, path: string, version: string): Promise<FileIdentity> {
  for (let tries = 0; tries < limits.claimSocketTriesMax; tries += 1) {
    const found = await statIfThere(path)
    if (found && !found.isSocket()) throw notOurs(path, `is ${nameKind(found)}`)
    if (!found) {
      if (await listen(server, path)) return toIdentity(lstatSync(path, { bigint: true }))
      continue
    }
    const who = await askWhoIsThere(path, version)
    if (who.kind === 'codegend') {
      throw new Failure('client.busy', `codegend is already running (pid ${who.pid}) on ${path}.`)
    }
    if (who.kind === 'stranger') throw notOurs(path, `is in use by something else (${who.reason})`)
    if (who.kind === 'nobody') await removeStale(path, toIdentity(found))
  }
  throw new Failure('client.busy', `Other daemons keep taking ${path}; see what starts codegend.`)
}

/** What is at a path now; undefined where nothing is. Never follows a link. */
export function identify(path: string): FileIdentity | undefined {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false })
  return found && toIdentity(found)
}

export function isSameFile(a: FileIdentity | undefined, b: FileIdentity | undefined): boolean {
  return (
    a !== undefined && b !== undefined && a.inode === b.inode && a.device === b.device && a.modifiedNs === b.modifiedNs
  )
}

/** False where somebody else bound the path first. */
async function listen(server: Server, path: string): Promise<boolean> {
  const listening = once(server, 'listening')
  const umask = process.umask(0o177)
  try {
    // The file is made within this call, so no other work of this process sees the umask.
    server.listen(path)
  } finally {
    process.umask(umask)
  }
  try {
    await listening
    return true
  } catch (cause) {
    if (hasCode(cause, 'EADDRINUSE')) return false
    const reason = cause instanceof Error ? cause.message : 'unknown error'
    throw new Failure(
      'config.invalid',
      `codegend cannot listen on ${path} (${reason}); set CODEGEN_SOCKET to another path.`,
      { cause },
    )
  }
}

/**
 * Another daemon may have taken the path over since we looked. Moving the file aside tells which one it was, and a living one is put back.
 */
async function removeStale(path: string, stale: FileIdentity): Promise<void> {
  const aside = `${path}.${process.pid}`
  try {
    await rename(path, aside)
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return
    throw cause
  }
  if (!isSameFile(identify(aside), stale)) {
    await link(aside, path).catch(() => undefined)
  }
  await unlink(aside)
}

async function statIfThere(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true })
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return undefined
    throw cause
  }
}

function toIdentity(found: BigIntStats): FileIdentity {
  return { device: found.dev, inode: found.ino, modifiedNs: found.mtimeNs }
}

function nameKind(found: BigIntStats): string {
  if (found.isSymbolicLink()) return 'a symbolic link'
  if (found.isDirectory()) return 'a folder'
  if (found.isFIFO()) return 'a FIFO'
  return found.isFile() ? 'a file' : 'a device'
}

function notOurs(path: string, what: string): Failure {
  return new Failure(
    'config.invalid',
    `${path} ${what}; codegend does not touch it: remove it yourself or set CODEGEN_SOCKET to another path.`,
  )
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
