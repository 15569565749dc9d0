import type { Command, Invocation } from './command.ts'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { withClient } from '#with-client'
import { runId } from './run-id.ts'

/** `codegen cancel ID`: asks for the end of a run; its open calls are ended first. */
export const cancel: Command = {
  name: 'cancel',
  group: 'Runs',
  summary: 'end a run',
  operands: [runId],
  options: [],
  details: ['Answers when the request is on record; open calls and their commands are ended first.'],
  run: cancelRun,
}

function cancelRun({ words, terminal }: Invocation): Promise<ExitCode> {
  const [id = ''] = words
  return withClient(terminal, async (client) => {
    const { generation_id } = await client.getRun(id)
    await client.cancelRun(generation_id, 'codegen cancel')
    terminal.print(`asked ${generation_id} to end\n`)
    return exitCodes.done
  })
}
