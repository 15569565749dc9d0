import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

/** A git repository of the demo's service in a folder of its own, and a CODEGEN_HOME beside it with nothing in it. */
export type ScratchProject = {
  readonly folder: string
  readonly home: string
  /** Runs git in the repository and returns what it printed. */
  git(...parameters: string[]): Promise<string>
  remove(): Promise<void>
}

/** Makes the repository in the system's temporary folder. */
export async function createScratchProject(): Promise<ScratchProject> {
  const scratch = await realpath(await mkdtemp(join(tmpdir(), 'codegen-')))
  const remove = () => rm(scratch, { recursive: true, force: true, maxRetries: 5 })
  try {
    const folder = join(scratch, 'notes-service')
    const home = join(scratch, 'home')
    await mkdir(home, { mode: 0o700 })
    await cp(join(import.meta.dirname, '..', 'fixtures', 'demo-service'), folder, { recursive: true })
    const git = async (...parameters: string[]) =>
      (await run('git', [...plainGit, ...parameters], { cwd: folder })).stdout
    await git('init', '--quiet')
    await git('add', 'package.json', '.gitignore', 'src/store.js')
    await git('commit', '--quiet', '--message', 'Keep notes in memory')
    await git('add', '--all')
    await git('commit', '--quiet', '--message', 'Serve the notes as JSON')
    return { folder, home, git, remove }
  } catch (error) {
    await remove()
    throw error
  }
}

const run = promisify(execFile)

/** Whatever the user's own git is set to: no hooks, no signing, no pager, and an author. */
const plainGit = [
  '--no-pager',
  ...['core.hooksPath=/dev/null', 'commit.gpgSign=false', 'core.autocrlf=false', 'init.defaultBranch=main'].flatMap(
    set,
  ),
  ...['user.name=Demo', 'user.email=demo@localhost'].flatMap(set),
]

function set(setting: string): string[] {
  return ['-c', setting]
}
