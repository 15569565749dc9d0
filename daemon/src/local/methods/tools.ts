import type { ToolOutputDelta } from '@codegen/protocol/wire'
import type { Call, Result } from '#local/call'

/**
 * Runs one tool for the client: its questions are put to this client, its output is told as it comes, and it is cancelled with the request or when the
 * client leaves.
 */
export async function callTool({
  daemon,
  client,
  parameters,
  signal,
}: Call<'tools/call'>): Promise<Result<'tools/call'>> {
  const { client_ref } = parameters
  let run: string | undefined
  const watcher = {
    begun(generationId: string): void {
      run = generationId
      // The signal ends the call when the client is gone; there is nothing more to take down.
      client.attach(generationId, () => undefined)
    },
    output: ({ tool_id, stream, chunk, offset }: ToolOutputDelta) =>
      client.peer.notify('tools/output', { client_ref, tool_id, stream, chunk, offset }),
  }
  try {
    const outcome = daemon.callTool(parameters, watcher, signal)
    client.stayFor(outcome)
    return await outcome
  } finally {
    if (run !== undefined) client.detach(run)
  }
}
