import { createQuestions } from '#approvals/questions'
import type { Questions } from '#approvals/questions'
import { connectToDaemon } from '#connect'
import { exitCodes, toExitCode } from '#exit-code'
import type { ExitCode } from '#exit-code'
import type { CallView, ToolOutcome } from '#render/call-view'
import type { Terminal } from '#render/terminal'
import { toFailure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'

export type ToolCallOptions = {
  readonly parameters: DaemonMethods['tools/call']['parameters']
  readonly terminal: Terminal
  readonly view: CallView
}

/** Runs one tool, answers its questions, shows it to its end, and tells how it ended. Ctrl-C, SIGTERM and SIGHUP cancel it; leaving does so too. */
export async function callTool({ parameters, terminal, view }: ToolCallOptions): Promise<ExitCode> {
  const cancelling = new AbortController()
  const interrupt = (): void => cancelling.abort()
  const questions: Questions = createQuestions(terminal, interrupt)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, interrupt)
  const client = await connectToDaemon({
    events: {
      toolOutput: view.output,
      settled: terminal.flush,
      question: questions.ask,
      questionResolved: questions.resolved,
    },
    onStart: () => terminal.note('starting codegend, which stays in the background'),
  })
  try {
    const outcome = await client.callTool(parameters, cancelling.signal)
    view.ended(outcome, questions.deniedWithoutTerminal)
    return exitCodeOf(outcome, questions.deniedWithoutTerminal)
  } catch (thrown) {
    const failure = toFailure(thrown)
    view.refused(failure)
    return toExitCode(failure)
  } finally {
    client.close()
  }
}

function exitCodeOf({ status }: ToolOutcome, deniedWithoutTerminal: boolean): ExitCode {
  if (status === 'success') return exitCodes.done
  if (status === 'cancelled') return exitCodes.interrupted
  if (status === 'timeout') return exitCodes.limit
  if (status === 'interrupted') return exitCodes.unreachable
  return deniedWithoutTerminal ? exitCodes.deniedWithoutTerminal : exitCodes.failed
}
