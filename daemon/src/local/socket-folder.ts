import { chmod, lstat, mkdir } from 'node:fs/promises'
import type { Stats } from 'node:fs'
import { Failure } from '@codegen/protocol/failure'

/**
 * Makes the folder of the socket, mode 0700, or checks the one that is there. One that is CodeGen's own is closed to others; any other is left as
 * it is. Fails with config.invalid where somebody else could put a socket of theirs in it.
 */
export async function prepareSocketFolder(folder: string, isOwn: boolean): Promise<void> {
  const found = await statIfThere(folder)
  if (!found) {
    await makeFolder(folder)
    return
  }
  if (found.isSymbolicLink()) throw refuse(folder, 'is a symbolic link')
  if (!found.isDirectory()) throw refuse(folder, 'is not a folder')
  if (process.getuid && found.uid !== process.getuid()) throw refuse(folder, `belongs to another user (${found.uid})`)
  if (found.mode & 0o022) throw refuse(folder, 'can be written by others')
  if (isOwn && found.mode & 0o077) await chmod(folder, 0o700)
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    // The umask may have taken more than it should.
    await chmod(folder, 0o700)
  } catch (cause) {
    throw new Failure(
      'config.invalid',
      `The folder ${folder} for codegend's socket cannot be made (${systemWord(cause)}); set CODEGEN_HOME or CODEGEN_SOCKET to a place of your own.`,
      { cause },
    )
  }
}

async function statIfThere(folder: string): Promise<Stats | undefined> {
  try {
    return await lstat(folder)
  } catch (cause) {
    if (systemWord(cause) === 'ENOENT') return undefined
    throw refuse(folder, `cannot be looked at (${systemWord(cause)})`)
  }
}

function refuse(folder: string, reason: string): Failure {
  return new Failure(
    'config.invalid',
    `The folder ${folder} ${reason}, so codegend does not put its socket there; make it yours alone (chmod 700) or set CODEGEN_SOCKET to a path in a folder that is.`,
  )
}

function systemWord(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'unknown error'
}
