import { Failure } from '@codegen/protocol/failure'
import type { Command, Invocation } from './command.ts'
import type { ExitCode } from '#exit-code'
import { json, quiet, toShown } from './options.ts'
import { readPrompt } from '#prompt'
import { parseRunSettings, runOptions } from './run-options.ts'
import { watchRun } from '#watch-run'

/** `codegen "prompt"`: starts a run here and shows it to its end. */
export const run: Command = {
  name: '',
  group: 'Work',
  summary: 'do what the prompt says, in this folder',
  operands: [{ name: '"prompt"', meaning: 'a prompt', takesRest: true }],
  options: [...runOptions, json, quiet],
  run: runPrompt,
}

async function runPrompt(invocation: Invocation): Promise<ExitCode> {
  const { words, terminal } = invocation
  if (words.length === 0 && process.stdin.isTTY) {
    throw new Failure(
      'request.invalid',
      'codegen takes a prompt: codegen "what is to be done" (a conversation without one is not built yet; see codegen --help).',
    )
  }
  const settings = parseRunSettings(invocation)
  const prompt = await readPrompt(words, () => terminal.note('reading the rest of the prompt from standard input'))
  const parameters = { ...settings, prompt, client_ref: newClientRef() }
  return watchRun({
    ...toShown(invocation),
    terminal,
    answersQuestions: true,
    elapsedMs: () => performance.now(),
    begin: async (client, signal) => (await client.startRun(parameters, signal)).generation_id,
  })
}

/** Only has to differ from every other one, so no cryptography is loaded for it. */
function newClientRef(): string {
  const random = (): string => Math.random().toString(36).slice(2)
  return `cli-${Date.now().toString(36)}-${process.pid}-${random()}${random()}`
}
