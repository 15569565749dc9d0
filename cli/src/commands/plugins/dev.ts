import type { Command } from '#commands/command'
import { yes } from './operands.ts'

/** `codegen plugins dev DIR` */
export const devPlugin: Command = {
  name: 'plugins dev',
  group: 'Plugins',
  summary: 'serve a plugin from its folder while you edit it',
  operands: [{ name: 'DIR', meaning: "a plugin's folder", isOptional: true, completes: 'folders' }],
  options: [yes],
  details: [
    'Each save is a new version: which one serves, or where it is broken, is shown as it happens, and',
    'so is each call, with what it was given, what it printed and what it returned. Starting it is',
    'your yes to what the plugin asks for then; should it ask for something else, you are asked.',
    'It stands for an installed plugin of its name. Ctrl-C ends it.',
  ],
  async run({ words: [place = '.'], has, terminal }) {
    const { author } = await import('#author/author')
    return author.devPlugin({ place, saysYes: has(yes) }, terminal)
  },
}
