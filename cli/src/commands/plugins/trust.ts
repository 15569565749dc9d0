import { resolve } from 'node:path'
import { exitCodes } from '#exit-code'
import { toOneLine } from '#render/visible'
import { withClient } from '#with-client'
import type { Plugin } from '#client'
import type { Command, Operand } from '#commands/command'
import { json } from '#commands/options'
import { yes } from './operands.ts'
import { printPlugins } from './show-plugins.ts'

const folder: Operand = {
  name: 'DIR',
  meaning: 'a folder in the project; by default the one you are in',
  isOptional: true,
  completes: 'folders',
}

/** `codegen plugins trust [DIR]` */
export const trustPlugins: Command = {
  name: 'plugins trust',
  group: 'Plugins',
  summary: 'let a project bring plugins of its own',
  operands: [folder],
  options: [yes, json],
  details: [
    'They lie in .codegen/plugins of the project and are offered to those who work in it alone.',
    'Each still waits for codegen plugins allow NAME. Whoever can change the project changes what they do.',
  ],
  run({ words: [directory = '.'], has, terminal }) {
    return withClient(terminal, async (client) => {
      const { project, plugins } = await client.trustProject(resolve(directory))
      // What nothing would hold is a question of its own.
      const isMeant = ({ state, containment }: Plugin): boolean =>
        has(yes) && state === 'asks' && containment !== 'none'
      const allowed = plugins.map(async (plugin) =>
        isMeant(plugin) ? client.allowPlugin(plugin.name, { cwd: project }) : plugin,
      )
      const found = await Promise.all(allowed)
      printPlugins(found, { has, terminal })
      if (found.some(({ state }) => state === 'asks'))
        terminal.note('codegen plugins allow NAME lets one have what it asks for.')
      return exitCodes.done
    })
  },
}

/** `codegen plugins untrust [DIR]` */
export const untrustPlugins: Command = {
  name: 'plugins untrust',
  group: 'Plugins',
  summary: "offer nothing of a project's own plugins any more",
  operands: [folder],
  options: [],
  run({ words: [directory = '.'], terminal }) {
    return withClient(terminal, async (client) => {
      const { project } = await client.untrustProject(resolve(directory))
      terminal.note(`nothing of ${toOneLine(project, 300)} is offered any more`)
      return exitCodes.done
    })
  },
}
