import type { Client, Plugin } from '#client'
import type { Invocation } from '#commands/command'
import { json } from '#commands/options'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { toJsonLine } from '#render/json-view'
import { renderPlugins } from '#render/plugins'
import { withClient } from '#with-client'

/** All of them, with what their lock says of the files. */
export function listPlugins({ has, terminal }: Invocation): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const { author } = await import('#author/author')
    const lock = await author.readLock(client)
    const found = (await client.listPlugins()).map((plugin) => ({ ...plugin, ...lock.get(plugin.name) }))
    if (has(json)) for (const plugin of found) terminal.print(toJsonLine(plugin))
    else if (found.length > 0) terminal.print(renderPlugins(found, terminal))
    else
      terminal.note('there is no plugin yet; codegen plugins new NAME writes one, codegen plugins add SRC fetches one')
    return exitCodes.done
  })
}

/** What became of one plugin. */
export function showPlugin(
  { words: [name = ''], has, terminal }: Invocation,
  ask: (client: Client, name: string) => Promise<Plugin[]>,
): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const found = await ask(client, name)
    if (has(json)) for (const plugin of found) terminal.print(toJsonLine(plugin))
    else terminal.print(renderPlugins(found, terminal))
    return exitCodes.done
  })
}
