import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import type { Terminal } from '#render/terminal'
import { withClient } from '#with-client'
import { confirm } from './confirm.ts'
import { loadLock, saveLock } from './lock-file.ts'

/** Takes a plugin away: its folder, the yes to it, its log and its entry in the lock file; what it kept for itself where its owner says so. */
export function removePlugin(
  { name, withData }: { readonly name: string; readonly withData: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const { home } = await client.status()
    const lock = await loadLock(home)
    const data = join(home, 'data', name.replaceAll('/', '__'))
    const isInstalled = (await client.listPlugins(process.cwd())).plugins.some(
      (plugin) => plugin.name === name && !plugin.dev,
    )
    const kept = isInstalled ? await readdir(data).catch(() => []) : []
    const question = `${name} kept ${kept.length} ${kept.length === 1 ? 'file' : 'files'} in ${data}. Remove them too?`
    const all = withData || (kept.length > 0 && (await confirm(terminal, question)) === true)
    const removed = await client.removePlugin(name, all)
    if (Object.hasOwn(lock, name)) {
      const { [name]: _gone, ...rest } = lock
      await saveLock(home, rest)
    }
    const stays = kept.length > 0 && !all ? `; what it kept stays in ${data}` : ''
    terminal.print(`${name} is removed from ${removed.folder}${stays}\n`)
    return exitCodes.done
  })
}
