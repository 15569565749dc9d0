import type { Command, Option } from '#commands/command'

const typescript: Option = { name: 'typescript', summary: 'write TypeScript, which needs no build (that is so anyway)' }
const javascript: Option = { name: 'javascript', summary: 'write JavaScript' }

/** `codegen plugins new NAME [DIR]` */
export const newPlugin: Command = {
  name: 'plugins new',
  group: 'Plugins',
  summary: 'write a plugin that works, to begin with',
  operands: [
    { name: 'NAME', meaning: 'a name for the plugin' },
    { name: 'DIR', meaning: 'the folder to write it to', isOptional: true, completes: 'folders' },
  ],
  options: [typescript, javascript],
  details: [
    'One tool, its test, the types of all it may use, and a README. Nothing has to be installed or built:',
    'node --test passes in it, and codegen plugins dev DIR serves it while you edit.',
  ],
  async run({ words: [name = '', place], has, terminal }) {
    const { author } = await import('#author/author')
    return author.newPlugin({ name, place, language: has(javascript) ? 'javascript' : 'typescript' }, terminal)
  },
}
