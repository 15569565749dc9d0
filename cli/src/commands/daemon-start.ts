import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { Command } from './command.ts'

/** `codegen daemon start`. */
export const startDaemon: Command = {
  name: 'daemon start',
  group: 'This machine',
  summary: 'start codegend in the background, as the first prompt would',
  operands: [],
  options: [],
  details: ['It takes the settings of the model from the environment of this command.'],
  async run({ terminal }) {
    let isNew = false
    const client = await connectToDaemon({ onStart: () => (isNew = true) })
    const { pid } = await client.status()
    client.close()
    terminal.print(isNew ? `started codegend (pid ${pid})\n` : `codegend is running already (pid ${pid})\n`)
    return exitCodes.done
  },
}
