import { chmodSync, lstatSync, mkdirSync, realpathSync } from 'node:fs'
import { dirname } from 'node:path'
import { Failure } from '@codegen/protocol/failure'

/**
 * Makes CODEGEN_HOME, mode 0700, or checks the one that is there and closes it to others; returns its real path. Fails with config.invalid where it
 * is not a folder of this user alone, or cannot be made.
 */
export function prepareHome(home: string): string {
  try {
    makeFolder(home)
    const found = lstatSync(home)
    if (found.isSymbolicLink()) throw refuse(home, 'is a symbolic link')
    if (process.getuid && found.uid !== process.getuid()) throw refuse(home, `belongs to another user (${found.uid})`)
    if (found.mode & 0o022) throw refuse(home, 'can be written by others')
    if (found.mode & 0o077) chmodSync(home, 0o700)
    return realpathSync(home)
  } catch (error) {
    if (error instanceof Failure) throw error
    const reason = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new Failure(
      'config.invalid',
      `The folder ${home} cannot be made or used (${reason}); set CODEGEN_HOME to a place of your own.`,
      { cause: error },
    )
  }
}

/** Not all of it recursively: where nothing can be made, as in /proc, that never returns. */
function makeFolder(home: string): void {
  if (lstatSync(home, { throwIfNoEntry: false })) return
  mkdirSync(dirname(home), { recursive: true, mode: 0o700 })
  mkdirSync(home, { mode: 0o700 })
}

function refuse(home: string, reason: string): Failure {
  return new Failure(
    'config.invalid',
    `The folder ${home} ${reason}, so codegend keeps no state there; make it yours alone (chmod 700) or set CODEGEN_HOME.`,
  )
}
