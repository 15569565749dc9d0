import { dirname, join, relative } from 'node:path'
import { limits } from '#limits'
import { nothingIgnored } from './ignored-paths.ts'
import type { IgnoredPaths } from './ignored-paths.ts'
import { openFolder, openRegular } from './open-in-root.ts'
import type { OpenFolder } from './open-in-root.ts'
import { readAtMost } from './read-at-most.ts'
import { lstatIfThere } from './rooted-path.ts'

/** What the folders above one name as ignored. Paths count from `top`. */
export type IgnoredAbove = {
  readonly top: string
  readonly ignored: IgnoredPaths
  /** The folder itself is named by one of them; then they say nothing about what is in it. */
  readonly wasIgnored: boolean
  /** The top is that of a git repository. */
  readonly inRepository: boolean
}

/**
 * Gathers the .gitignore files from the top of the git repository, or from `root` where there is none, down to the parent of `folder`. The top may lie
 * above `root`: its rules are applied, nothing else of it is read.
 */
export async function ignoredAbove(folder: string, root: string): Promise<IgnoredAbove> {
  const repository = await repositoryTop(root)
  const top = repository ?? root
  const inRepository = repository !== undefined
  let ignored = nothingIgnored
  for (const parent of parentsBetween(top, folder)) {
    await using open = await openFolder({ path: parent, roots: [top], shown: parent })
    ignored = await withGitignoreOf(open, relative(top, parent), ignored)
  }
  const path = relative(top, folder)
  if (path !== '' && ignored.has(path, 'folder'))
    return { top, ignored: nothingIgnored, wasIgnored: true, inRepository }
  return { top, ignored, wasIgnored: false, inRepository }
}

/** Adds the .gitignore of an open folder, where it has a readable one. As git does, a link is not followed. */
export async function withGitignoreOf(folder: OpenFolder, path: string, ignored: IgnoredPaths): Promise<IgnoredPaths> {
  const text = await gitignoreOf(folder).catch(() => '')
  return text === '' ? ignored : ignored.with(path, text)
}

async function gitignoreOf(folder: OpenFolder): Promise<string> {
  const path = folder.at('.gitignore')
  if ((await lstatIfThere(path, path)) === undefined) return ''
  await using handle = await openRegular({ path, roots: ['/'], shown: path })
  const bytes = await readAtMost(handle, limits.gitignoreBytesMax + 1)
  return bytes.byteLength > limits.gitignoreBytesMax ? '' : Buffer.from(bytes).toString('utf8')
}

async function repositoryTop(root: string): Promise<string | undefined> {
  for (let folder = root; ; folder = dirname(folder)) {
    if (await isThere(join(folder, '.git'))) return folder
    if (folder === dirname(folder)) return undefined
  }
}

function isThere(path: string): Promise<boolean> {
  return lstatIfThere(path, path).then(
    (stats) => stats !== undefined,
    () => false,
  )
}

/** The folders from `top` down to the parent of `folder`, none when they are the same. */
function parentsBetween(top: string, folder: string): string[] {
  const parents: string[] = []
  for (let current = folder; current !== top; current = dirname(current)) parents.unshift(dirname(current))
  return parents
}
