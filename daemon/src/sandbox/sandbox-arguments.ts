import { existsSync, lstatSync, readlinkSync } from 'node:fs'
import { limits } from '#limits'

/** What a process in a sandbox sees of the machine's files, besides what every program needs to start. Absolute paths. */
export type SandboxView = {
  readonly readable: readonly string[]
  readonly writable: readonly string[]
  /** Folders that are empty to it, but for what lies deeper in them and is named here too. */
  readonly hidden: readonly string[]
  readonly cwd: string
}

/**
 * What to tell bubblewrap: its own processes, users, network (none), host name and System V memory; no capability and no way to new ones; no terminal; and an end with whoever
 * started it, however that ends.
 */
export function toSandboxArguments(view: SandboxView): string[] {
  const own = ['--unshare-user', '--unshare-all', '--disable-userns', '--cap-drop', 'ALL', '--hostname', 'plugin']
  const bound = ['--die-with-parent', '--new-session', '--chdir', view.cwd]
  const mounts = toMounts(view).flatMap(({ words }) => words)
  return [...own, ...bound, ...mounts, '--remount-ro', '/dev', '--remount-ro', '/']
}

type Mount = { readonly at: string; readonly words: readonly string[] }

/** The deeper ones later, and of two at the same place the one that counts later. */
function toMounts({ readable, writable, hidden }: SandboxView): Mount[] {
  const isWhole = [...readable, ...writable].includes('/')
  const mounts = [
    ...(isWhole ? [] : systemMounts()),
    scratch('/tmp'),
    ...readable.map((at): Mount => ({ at, words: ['--ro-bind-try', at, at] })),
    ...writable.map((at): Mount => ({ at, words: ['--bind-try', at, at] })),
    ...hidden.map((at): Mount => ({ at, words: ['--tmpfs', at] })),
    { at: '/proc', words: ['--proc', '/proc'] },
    { at: '/dev', words: ['--dev', '/dev'] },
    scratch('/dev/shm'),
  ]
  return mounts.toSorted((a, b) => depthOf(a.at) - depthOf(b.at))
}

function depthOf(path: string): number {
  return path.split('/').filter(Boolean).length
}

/** A folder in memory that ends with the process. */
function scratch(at: string): Mount {
  const bytes = limits.pluginScratchMbMax * 1024 * 1024
  return { at, words: ['--perms', '1777', '--size', String(bytes), '--tmpfs', at] }
}

/** Where programs and libraries lie. Nothing of its owner is there. */
function systemMounts(): Mount[] {
  const folders = ['/bin', '/sbin', '/lib', '/lib32', '/lib64'].flatMap((at): Mount[] => {
    const target = linkTarget(at)
    if (target !== undefined) return [{ at, words: ['--symlink', target, at] }]
    return existsSync(at) ? [{ at, words: ['--ro-bind', at, at] }] : []
  })
  const more = ['/usr', '/nix/store', '/etc/ld.so.cache', '/etc/alternatives', '/etc/localtime']
  return [...folders, ...more.map((at): Mount => ({ at, words: ['--ro-bind-try', at, at] }))]
}

function linkTarget(path: string): string | undefined {
  const found = lstatSync(path, { throwIfNoEntry: false })
  return found?.isSymbolicLink() ? readlinkSync(path) : undefined
}
