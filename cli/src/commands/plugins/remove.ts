import type { Command, Option } from '#commands/command'
import { pluginName } from './operands.ts'

const withData: Option = { name: 'data', summary: 'what the plugin kept for itself as well' }

/** `codegen plugins remove NAME` */
export const removePlugin: Command = {
  name: 'plugins remove',
  group: 'Plugins',
  summary: 'take a plugin away, with your yes to it',
  operands: [pluginName],
  options: [withData],
  details: ['Its folder and its log go. What it kept for itself stays, unless you say yes or give --data.'],
  async run({ words: [name = ''], has, terminal }) {
    const { author } = await import('#author/author')
    return author.removePlugin({ name, withData: has(withData) }, terminal)
  },
}
