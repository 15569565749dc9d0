import type { Client, Plugin } from '#client'
import type { Invocation } from '#commands/command'
import { json } from '#commands/options'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { toJsonLine } from '#render/json-view'
import { renderPlugins } from '#render/plugins'
import type { ShownPlugin } from '#render/plugins'
import { toOneLine } from '#render/visible'
import { withClient } from '#with-client'

/** All of them, with what their lock says of the files. */
export function listPlugins({ has, terminal }: Invocation): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const { author } = await import('#author/author')
    const lock = await author.readLock(client)
    const { plugins, untrusted } = await client.listPlugins(process.cwd())
    const found = plugins.map((plugin) => ({ ...plugin, ...lock.get(plugin.name) }))
    if (untrusted !== undefined)
      terminal.note(
        `${toOneLine(untrusted, 300)} brings plugins of its own; should they be offered there, codegen plugins trust says so.`,
      )
    printPlugins(found, { has, terminal })
    if (found.length === 0 && !has(json))
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
    printPlugins(await ask(client, name), { has, terminal })
    return exitCodes.done
  })
}

/** For a person, or as JSON lines. */
export function printPlugins(
  found: readonly ShownPlugin[],
  { has, terminal }: Pick<Invocation, 'has' | 'terminal'>,
): void {
  if (has(json)) for (const plugin of found) terminal.print(toJsonLine(plugin))
  else if (found.length > 0) terminal.print(renderPlugins(found, terminal))
}
