import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import type { Terminal } from '#render/terminal'
import { withClient } from '#with-client'

/** `codegen cancel ID`: asks for the end of a run; its open calls are ended first. */
export function cancel({ id }: { id: string }, terminal: Terminal): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const { generation_id } = await client.getRun(id)
    await client.cancelRun(generation_id, 'codegen cancel')
    terminal.print(`asked ${generation_id} to end\n`)
    return exitCodes.done
  })
}
