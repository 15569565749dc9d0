import type { Command } from '#commands/command'
import { json } from '#commands/options'
import { showPlugin } from './show-plugins.ts'

/** `codegen plugins reload` */
export const reloadPlugins: Command = {
  name: 'plugins reload',
  group: 'Plugins',
  summary: 'try every plugin anew, also those that crashed too often',
  operands: [],
  options: [json],
  details: ['A change is taken up by itself; this is for what changed elsewhere, such as a program a plugin needs.'],
  run: (invocation) => showPlugin(invocation, (client) => client.reloadPlugins()),
}
