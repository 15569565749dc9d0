import { lstat, realpath } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { shownPath } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { fileFailure } from './file-failure.ts'
import { ignoredAbove } from './gitignore-files.ts'
import { openFolder, refuseIrregular } from './open-in-root.ts'
import { findPlace } from './rooted-path.ts'

/** Where to search, held open: a folder swapped for a link meanwhile is not followed. */
export type SearchPlace = AsyncDisposable & {
  /** Where ripgrep is started. */
  readonly cwd: string
  /** What of that is searched: `./` or one file. */
  readonly argument: string
  readonly isFile: boolean
  /** How ignore files are to be read. */
  readonly flags: readonly string[]
  /** Whether a path below is left out by an ignore file that ripgrep does not see. */
  isIgnored(path: string): boolean
  /** A path below as it is shown: relative to the call's folder. */
  toShown(path: string): string
  /** A path below through the open folder. */
  at(path: string): string
  /** Whether nothing on the way to a path below is a link that leads elsewhere, now. */
  isStillInside(path: string): Promise<boolean>
}

export type SearchRoot = { readonly root: string; readonly cwd: string }

/** Finds and opens what is to be searched. Fails with file.not_found, file.outside_workspace, file.bad_path, file.not_regular or file.unreadable. */
export async function openSearchPlace(path: string, { root, cwd }: SearchRoot): Promise<SearchPlace> {
  const place = await findPlace(path, { cwd, roots: [root] })
  if (place.kind !== 'there') throw new Failure('file.not_found', `${shownPath(path)} does not exist.`)
  try {
    const stats = await lstat(place.path)
    const isFile = !stats.isDirectory()
    if (isFile) refuseIrregular(stats, path)
    const folderPath = isFile ? dirname(place.path) : place.path
    const [folder, ignored] = await openBoth(folderPath, { root, path })
    const prefix = relative(cwd, folderPath)
    return {
      cwd: folder.at('.'),
      argument: isFile ? `./${basename(place.path)}` : './',
      isFile,
      flags: ignored.flags,
      isIgnored: ignored.has,
      toShown: (below) => join(prefix, below),
      at: (below) => folder.at(below),
      isStillInside: (below) =>
        realpath(join(folderPath, below)).then(
          (real) => real === join(folderPath, below),
          () => false,
        ),
      [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
    }
  } catch (error) {
    throw fileFailure(error, path, 'read')
  }
}

async function openBoth(folderPath: string, { root, path }: { root: string; path: string }) {
  const above = await ignoredAbove(folderPath, root)
  const folder = await openFolder({ path: folderPath, roots: [root], shown: path })
  // In a repository ripgrep finds what git would. Elsewhere it would go up to the root of the disk, so it is told nothing of what is above.
  if (above.inRepository && !above.wasIgnored) return [folder, { flags: [], has: () => false }] as const
  const fromTop = relative(above.top, folderPath)
  const has = (below: string) => above.ignored.has(join(fromTop, below), 'other')
  return [folder, { flags: ['--no-require-git', '--no-ignore-parent'], has }] as const
}
