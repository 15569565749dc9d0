import type { Command } from '#commands/command'
import { yes } from './operands.ts'

/** `codegen plugins add SRC` */
export const addPlugin: Command = {
  name: 'plugins add',
  group: 'Plugins',
  summary: 'fetch a plugin, or a newer version of it',
  operands: [
    { name: 'SRC', meaning: 'a folder, the address of a git repository or an npm package', completes: 'folders' },
  ],
  options: [yes],
  details: [
    'codegen plugins add ./weather                              a folder: a copy, without .git',
    'codegen plugins add https://git.example/weather.git#v1.2   git: a branch, tag or commit after #',
    'codegen plugins add weather@1.2.0                          an npm package',
    'Nothing of it runs while it is fetched: no install scripts, no hooks. What it asks for is shown',
    'before you say yes, and on an update what has changed in that. What was fetched is written down',
    'with its hash in plugins.lock.json.',
  ],
  async run({ words: [source = ''], has, terminal }) {
    const { author } = await import('#author/author')
    return author.addPlugin({ source, saysYes: has(yes) }, terminal)
  },
}
