import type { Shown } from '#arguments'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import type { Terminal } from '#render/terminal'
import { watchRun } from '#watch-run'

/** `codegen log ID`: shows what is on record of a run, and of one that goes on no more than that. */
export async function log({ id, ...shown }: Shown & { id: string }, terminal: Terminal): Promise<ExitCode> {
  let tookMs: number | undefined
  let lastPosition = Infinity
  await watchRun({
    ...shown,
    terminal,
    answersQuestions: false,
    elapsedMs: () => tookMs,
    until: ({ event_id }) => Number.parseInt(event_id, 10) >= lastPosition,
    async begin(client) {
      const { generation_id, created_at, finished_at, last_event_id } = await client.getRun(id)
      if (finished_at !== null) tookMs = Date.parse(finished_at) - Date.parse(created_at)
      else if (last_event_id !== undefined) lastPosition = Number.parseInt(last_event_id, 10)
      await client.attachRun({ generation_id })
      return generation_id
    },
  })
  return exitCodes.done
}
