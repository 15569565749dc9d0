import { realpath, stat } from 'node:fs/promises'

/** The real path of a folder; undefined where there is none, or none that may be entered. */
export async function realFolder(path: string): Promise<string | undefined> {
  if (path.includes('\0')) return undefined
  try {
    const real = await realpath(path)
    return (await stat(real)).isDirectory() ? real : undefined
  } catch {
    // Absent, unreadable or no path at all: there is no folder to work in.
    return undefined
  }
}
