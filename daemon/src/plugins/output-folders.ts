import { createHash } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '#limits'

/** Where the whole output of a run's commands is kept. A server's id is never part of a path. */
export function outputFolder(home: string, generationId: string): string {
  return join(home, 'output', createHash('sha256').update(generationId).digest('hex').slice(0, 32))
}

/** Removes the output of runs that is older than limits.outputKeptMs, and of the others all but the newest limits.outputFoldersMax. */
export async function pruneOutputFolders(home: string, now: number): Promise<void> {
  const folder = join(home, 'output')
  const names = await readdir(folder).catch(() => [])
  const found = await Promise.all(names.map((name) => age(join(folder, name), now)))
  const newestFirst = found.flatMap((entry) => entry ?? []).toSorted((a, b) => a.ageMs - b.ageMs)
  const isKept = ({ ageMs }: Aged, index: number): boolean =>
    index < limits.outputFoldersMax && ageMs <= limits.outputKeptMs
  const gone = newestFirst.filter((entry, index) => !isKept(entry, index))
  for (const { path } of gone) await rm(path, { recursive: true, force: true })
}

type Aged = { readonly path: string; readonly ageMs: number }

async function age(path: string, now: number): Promise<Aged | undefined> {
  try {
    return { path, ageMs: now - (await stat(path)).mtimeMs }
  } catch {
    // Somebody else removed it.
    return undefined
  }
}
