import { access, constants, realpath } from 'node:fs/promises'
import { delimiter, join } from 'node:path'

/**
 * Who Postgres runs as; it refuses root. `self`: an ordinary user as he is. `namespace`: root as an ordinary user of a namespace of its own, which
 * owns what root owns. `nobody`: where the system refuses such a namespace.
 */
export type Account =
  | { readonly kind: 'self' }
  | { readonly kind: 'namespace'; readonly unshare: string }
  | { readonly kind: 'nobody'; readonly uid: number; readonly gid: number }

/** A command as `spawn` takes it. */
export type Command = {
  readonly file: string
  readonly args: readonly string[]
  readonly options: { readonly uid?: number; readonly gid?: number; readonly env: NodeJS.ProcessEnv }
}

/** The command that runs a binary of Postgres as this account. It sees nothing of our environment: that holds keys. */
export function toCommand(account: Account, binary: string, args: readonly string[]): Command {
  const env = { LC_ALL: 'C', TZ: 'UTC', PATH: process.env['PATH'] ?? '' }
  if (account.kind === 'self') return { file: binary, args, options: { env } }
  if (account.kind === 'nobody') return { file: binary, args, options: { env, uid: account.uid, gid: account.gid } }
  return {
    file: account.unshare,
    args: ['--user', '--map-user=1000', '--map-group=1000', binary, ...args],
    options: { env },
  }
}

/** The same command, ended with a fast shutdown when this process dies, where the system can do that. */
export async function endWithParent(account: Account, binary: string, args: readonly string[]): Promise<Command> {
  const setpriv = process.platform === 'linux' ? await findProgram('setpriv') : undefined
  if (!setpriv) return toCommand(account, binary, args)
  return toCommand(account, setpriv, ['--pdeathsig', 'INT', binary, ...args])
}

/** Where a program of util-linux is; busybox has some of the same names that cannot do the same. */
export async function findProgram(name: string): Promise<string | undefined> {
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    const path = join(folder || '.', name)
    try {
      await access(path, constants.X_OK)
      if (!(await realpath(path)).endsWith('busybox')) return path
    } catch {
      // Not here.
    }
  }
  return undefined
}
