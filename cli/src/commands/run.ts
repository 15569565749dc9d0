import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { RunOptions } from '#arguments'
import type { ExitCode } from '#exit-code'
import { readPrompt } from '#prompt'
import type { Terminal } from '#render/terminal'
import { watchRun } from '#watch-run'

/** `codegen "prompt"`: starts a run here and shows it to its end. */
export async function run(options: RunOptions & { words: string[] }, terminal: Terminal): Promise<ExitCode> {
  const { words, mode, model, maxTurns } = options
  if (words.length === 0 && process.stdin.isTTY) {
    throw new Failure(
      'request.invalid',
      'codegen takes a prompt: codegen "what is to be done" (a conversation without one is not built yet; see codegen --help).',
    )
  }
  const cwd = findFolder(options.cwd)
  const prompt = await readPrompt(words, () => terminal.note('reading the rest of the prompt from standard input'))
  const parameters = {
    prompt,
    cwd,
    mode,
    client_ref: newClientRef(),
    ...(model === undefined ? {} : { model }),
    ...(maxTurns === undefined ? {} : { limits: { turns: maxTurns } }),
  }
  return watchRun({
    ...options,
    terminal,
    answersQuestions: true,
    elapsedMs: () => performance.now(),
    begin: async (client, signal) => (await client.startRun(parameters, signal)).generation_id,
  })
}

function findFolder(given: string | undefined): string {
  const folder = resolve(given ?? '.')
  if (given === undefined || statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder
  throw new Failure('request.invalid', `There is no folder ${folder}; --cwd takes one that exists.`)
}

/** Only has to differ from every other one, so no cryptography is loaded for it. */
function newClientRef(): string {
  const random = (): string => Math.random().toString(36).slice(2)
  return `cli-${Date.now().toString(36)}-${process.pid}-${random()}${random()}`
}
