import type { Command } from '#commands/command'
import { json } from '#commands/options'
import { pluginName } from './operands.ts'
import { showPlugin } from './show-plugins.ts'

/** `codegen plugins enable NAME` */
export const enablePlugin: Command = {
  name: 'plugins enable',
  group: 'Plugins',
  summary: 'offer the tools of a disabled plugin again',
  operands: [pluginName],
  options: [json],
  run: (invocation) => showPlugin(invocation, async (client, name) => [await client.enablePlugin(name, process.cwd())]),
}
