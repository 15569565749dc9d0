import type { Client } from '#client'
import { newClientRef } from '#client-ref'
import type { ExitCode } from '#exit-code'
import { readPrompt } from '#prompt'
import { watchRun } from '#watch-run'
import type { Invocation } from './command.ts'
import { toShown } from './options.ts'
import { parseRunSettings } from './run-options.ts'

export type PromptOptions = {
  /** The prompt, before what is piped in. */
  words: readonly string[]
  /** The conversation it goes on with; without it a new one begins. */
  findSession?(client: Client, folder: string): Promise<string>
}

/** Starts a run with a prompt from the command line and the pipe, and shows it to its end. */
export async function watchPrompt(invocation: Invocation, { words, findSession }: PromptOptions): Promise<ExitCode> {
  const { terminal } = invocation
  const settings = parseRunSettings(invocation)
  const prompt = await readPrompt(words, () => terminal.note('reading the rest of the prompt from standard input'))
  const parameters = { ...settings, prompt, client_ref: newClientRef() }
  return watchRun({
    ...toShown(invocation),
    terminal,
    answersQuestions: true,
    startedHere: true,
    elapsedMs: () => performance.now(),
    async begin(client, signal) {
      const session = findSession ? { session_id: await findSession(client, settings.cwd) } : {}
      return (await client.startRun({ ...parameters, ...session }, signal)).generation_id
    },
  })
}
