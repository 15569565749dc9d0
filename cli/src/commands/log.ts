import type { Command, Invocation } from './command.ts'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { json, quiet, toShown } from './options.ts'
import { watchRun } from '#watch-run'
import { runId } from './run-id.ts'

/** `codegen log ID`: shows what is on record of a run, and of one that goes on no more than that. */
export const log: Command = {
  name: 'log',
  group: 'Runs',
  summary: 'what a run did',
  operands: [runId],
  options: [json, quiet],
  details: ['Of a run that goes on, what is on record so far; codegen attach ID goes on with it.'],
  run: showLog,
}

async function showLog(invocation: Invocation): Promise<ExitCode> {
  const [id = ''] = invocation.words
  let tookMs: number | undefined
  let lastPosition = Infinity
  await watchRun({
    ...toShown(invocation),
    terminal: invocation.terminal,
    answersQuestions: false,
    startedHere: false,
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
