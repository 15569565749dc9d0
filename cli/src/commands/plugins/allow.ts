import type { Command } from '#commands/command'
import { json } from '#commands/options'
import { pluginName } from './operands.ts'
import { showPlugin } from './show-plugins.ts'

/** `codegen plugins allow NAME` */
export const allowPlugin: Command = {
  name: 'plugins allow',
  group: 'Plugins',
  summary: 'let a plugin have what it asks for, and offer its tools',
  operands: [pluginName],
  options: [json],
  details: [
    'What it asks for is shown by codegen plugins. Should it ask for something else one day, it waits for another yes.',
  ],
  run: (invocation) => showPlugin(invocation, async (client, name) => [await client.allowPlugin(name, process.cwd())]),
}
