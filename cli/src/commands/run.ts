import { Failure } from '@codegen/protocol/failure'
import type { Command, Invocation } from './command.ts'
import type { ExitCode } from '#exit-code'
import { json, quiet } from './options.ts'
import { runOptions } from './run-options.ts'
import { mayTalk, talk } from './talk.ts'
import { watchPrompt } from './watch-prompt.ts'

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
  const { words } = invocation
  if (words.length === 0 && mayTalk(invocation)) return talk(invocation)
  if (words.length === 0 && process.stdin.isTTY) {
    throw new Failure(
      'request.invalid',
      'codegen takes a prompt here: codegen "what is to be done" (a conversation needs a terminal at both ends, without --json and --quiet).',
    )
  }
  return watchPrompt(invocation, { words })
}
