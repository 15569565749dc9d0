import type { Command } from '#commands/command'
import { follow, lines, parseLines } from '#commands/log-options'
import { json } from '#commands/options'
import { pluginName } from './operands.ts'

/** `codegen plugins logs NAME` */
export const pluginLogs: Command = {
  name: 'plugins logs',
  group: 'Plugins',
  summary: 'what a plugin printed and logged',
  operands: [pluginName],
  options: [follow, lines, json],
  details: ['What it wrote to standard error, and by context.log. What its tools return is not among it.'],
  async run({ words: [name = ''], has, value, terminal }) {
    const { author } = await import('#author/author')
    return author.showPluginLog({ name, lines: parseLines(value), follow: has(follow), json: has(json) }, terminal)
  },
}
