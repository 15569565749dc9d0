import { accessSync, constants, realpathSync, statSync } from 'node:fs'
import { basename, delimiter, isAbsolute, join } from 'node:path'

/** Where a program lies that one of these folders has, written as PATH is. Its real path, but where it is told what to do by its name. */
export function findProgram(name: string, path: string | undefined): string | undefined {
  const folders = (path ?? '').split(delimiter).filter(isAbsolute)
  const found = folders.map((folder) => join(folder, name)).find(isProgram)
  if (found === undefined) return undefined
  const real = realpathSync(found)
  return basename(real) === name ? real : found
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}
