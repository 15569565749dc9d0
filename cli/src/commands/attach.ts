import type { Command, Invocation } from './command.ts'
import type { ExitCode } from '#exit-code'
import { json, quiet, toShown } from './options.ts'
import { watchRun } from '#watch-run'
import { runId } from './run-id.ts'

/** `codegen attach ID`: shows a run from its beginning and goes on with it, as if it had been started here. */
export const attach: Command = {
  name: 'attach',
  group: 'Runs',
  summary: 'go on watching a run, answering its questions',
  operands: [runId],
  options: [json, quiet],
  details: [
    'Everything the run did so far is shown first. Its questions can be answered here as well as where',
    'it was started; whoever is first decides, and where there is no terminal nobody is asked. Ctrl-C',
    'ends the run; closing the terminal does not.',
  ],
  run: attachRun,
}

function attachRun(invocation: Invocation): Promise<ExitCode> {
  const [id = ''] = invocation.words
  let startedAt: number | undefined
  return watchRun({
    ...toShown(invocation),
    terminal: invocation.terminal,
    answersQuestions: true,
    startedHere: false,
    elapsedMs: () => (startedAt === undefined ? undefined : Date.now() - startedAt),
    async begin(client) {
      const { generation_id, created_at } = await client.getRun(id)
      startedAt = Date.parse(created_at) || undefined
      await client.attachRun({ generation_id })
      return generation_id
    },
  })
}
