import type { Command, Option } from '#commands/command'
import { json } from '#commands/options'
import { pluginName } from './operands.ts'
import { showPlugin } from './show-plugins.ts'

const unconfined: Option = { name: 'unconfined', summary: 'also a plugin that no sandbox holds: with all your rights' }

/** `codegen plugins allow NAME` */
export const allowPlugin: Command = {
  name: 'plugins allow',
  group: 'Plugins',
  summary: 'let a plugin have what it asks for, and offer its tools',
  operands: [pluginName],
  options: [unconfined, json],
  details: [
    'What it asks for is shown by codegen plugins. Should it ask for something else one day, it waits for another yes.',
    'A program in another language than JavaScript is held by a sandbox, or by nothing. That is another question.',
  ],
  run: (invocation) => {
    const options = { cwd: process.cwd(), ...(invocation.has(unconfined) ? { unconfined: true } : {}) }
    return showPlugin(invocation, async (client, name) => [await client.allowPlugin(name, options)])
  },
}
