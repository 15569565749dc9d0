import { createQuestions } from '#approvals/questions'
import type { Questions } from '#approvals/questions'
import { hasKeyboard } from '#approvals/keyboard'
import type { Client } from '#client'
import { exitCodeOf, exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { followRun } from '#follow-run'
import type { FollowOptions } from '#follow-run'
import { handleInterrupts } from '#interrupts'
import { createHumanView, createQuietView } from '#render/human-view'
import { createJsonView } from '#render/json-view'
import type { RunView } from '#render/run-view'
import type { Terminal } from '#render/terminal'
import { withSettingsHint } from '#settings-hint'

export type WatchOptions = {
  json: boolean
  quiet: boolean
  terminal: Terminal
  begin(client: Client, signal: AbortSignal): Promise<string>
  /** This codegen answers the run's questions, and Ctrl-C ends the run; else it only looks on. */
  answersQuestions: boolean
  /** Where nobody can be asked, the answer is no; for a run that was started elsewhere it is left to others. */
  startedHere: boolean
  elapsedMs(): number | undefined
  until?: FollowOptions['until']
}

/** Shows a run on this terminal until it ends, and tells how it ended. */
export async function watchRun(options: WatchOptions): Promise<ExitCode> {
  const { terminal, begin, answersQuestions, startedHere, until } = options
  const asks = answersQuestions && (startedHere || hasKeyboard())
  const view = toView({ ...options, asks })
  const questions: Questions = createQuestions(terminal, () => interrupts?.interrupt())
  const following = followRun({
    begin,
    view,
    terminal,
    ...(asks ? { questions } : {}),
    ...(until ? { until } : {}),
  })
  const interrupts = answersQuestions ? handleInterrupts(following, terminal) : undefined
  const outcome = await following.ended
  if (!outcome) return exitCodes.done
  if (outcome.error) terminal.note(withSettingsHint(outcome.error.code, outcome.error.message))
  const { deniedWithoutTerminal } = questions
  return exitCodeOf(outcome, { interrupted: interrupts?.interrupted ?? false, deniedWithoutTerminal })
}

function toView({ terminal, json, quiet, elapsedMs, asks }: WatchOptions & { asks: boolean }): RunView {
  if (json) return createJsonView(terminal)
  return quiet ? createQuietView(terminal) : createHumanView({ terminal, elapsedMs, asks })
}
