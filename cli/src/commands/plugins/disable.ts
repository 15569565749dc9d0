import type { Command } from '#commands/command'
import { json } from '#commands/options'
import { pluginName } from './operands.ts'
import { showPlugin } from './show-plugins.ts'

/** `codegen plugins disable NAME` */
export const disablePlugin: Command = {
  name: 'plugins disable',
  group: 'Plugins',
  summary: 'offer nothing of a plugin until it is enabled',
  operands: [pluginName],
  options: [json],
  run: (invocation) =>
    showPlugin(invocation, async (client, name) => [await client.disablePlugin(name, process.cwd())]),
}
