import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { limits } from '#limits'

/** The kept copies of plugins, and which of them was the last good one of each folder. */
export type KeptCopies = {
  /** Digest of the copy that served last of what lay in this folder, in this codegend or one before. */
  lastGood(folder: string): Promise<string | undefined>
  /** What serves now. A folder or file with several keeps one of each, by `folder#name`. */
  noteGood(folder: string, digest: string): Promise<void>
  /**
   * Removes copies that nobody will ask for: not the last good one of a folder that is there, and not used for limits.pluginCopyKeptMs, or beyond the newest
   * limits.pluginCopiesMax.
   */
  prune(folders: readonly string[], now: number): Promise<void>
}

const validator = Compile(Type.Record(Type.String(), Type.String({ pattern: '^[0-9a-f]{32}$' })))

/** Opens the folder of kept copies. A record of them that cannot be read is none. */
export function openKeptCopies(keptIn: string): KeptCopies {
  const file = join(keptIn, 'last-good.json')
  let known: Promise<Map<string, string>> | undefined
  const load = (): Promise<Map<string, string>> => (known ??= loadFrom(file))
  let saved: Promise<void> = Promise.resolve()

  function saveNow(good: ReadonlyMap<string, string>): Promise<void> {
    saved = saved.catch(() => undefined).then(() => save(file, good))
    return saved
  }

  return {
    lastGood: async (folder) => (await load()).get(folder),
    async noteGood(folder, digest) {
      const good = await load()
      // What is used is young.
      await utimes(join(keptIn, digest), new Date(), new Date()).catch(() => undefined)
      if (good.get(folder) === digest) return
      good.set(folder, digest)
      await saveNow(good)
    },
    async prune(folders, now) {
      const good = await load()
      const isThere = (key: string): boolean => folders.some((folder) => key === folder || key.startsWith(`${folder}#`))
      const gone = [...good.keys()].filter((key) => !isThere(key))
      for (const folder of gone) good.delete(folder)
      if (gone.length > 0) await saveNow(good)
      const kept = new Set(good.values())
      // Of a server there are definitions alone.
      const names = (await readdir(keptIn)).map((name) => name.replace(/\.json$/, ''))
      const others = [...new Set(names)].filter((name) => isCopy(name) && !kept.has(name))
      const aged = await Promise.all(others.map(async (name) => ({ name, ageMs: now - (await usedAt(keptIn, name)) })))
      const newestFirst = aged.toSorted((a, b) => a.ageMs - b.ageMs)
      for (const [index, { name, ageMs }] of newestFirst.entries())
        if (index >= limits.pluginCopiesMax || ageMs > limits.pluginCopyKeptMs) await removeCopy(keptIn, name)
    },
  }
}

async function loadFrom(file: string): Promise<Map<string, string>> {
  try {
    const found: unknown = JSON.parse(await readFile(file, 'utf8'))
    return new Map(validator.Check(found) ? Object.entries(found) : [])
  } catch {
    return new Map()
  }
}

async function save(file: string, good: ReadonlyMap<string, string>): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify(Object.fromEntries(good)), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

function isCopy(name: string): boolean {
  // Or one that was not finished.
  return /^[0-9a-f]{32}$/.test(name) || /^\.[0-9a-f-]{36}$/.test(name)
}

async function usedAt(keptIn: string, name: string): Promise<number> {
  for (const path of [join(keptIn, name), join(keptIn, `${name}.json`)]) {
    const found = await stat(path).catch(() => undefined)
    if (found) return found.mtimeMs
  }
  return 0
}

async function removeCopy(keptIn: string, name: string): Promise<void> {
  await rm(join(keptIn, `${name}.json`), { force: true })
  await rm(join(keptIn, name), { recursive: true, force: true })
}
