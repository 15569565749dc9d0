import type { Command } from './command.ts'
import { exitCodes } from '#exit-code'
import { version } from '#version'

/** `codegen version`, `codegen --version`. */
export const showVersion: Command = {
  name: 'version',
  group: 'codegen itself',
  summary: 'the version of codegen',
  operands: [],
  options: [],
  async run({ terminal }) {
    terminal.print(`codegen ${version}\n`)
    return exitCodes.done
  },
}
