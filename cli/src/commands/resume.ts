import { Failure } from '@codegen/protocol/failure'
import type { ExitCode } from '#exit-code'
import { findEarlierRun } from '#find-earlier-run'
import type { Command, Invocation } from './command.ts'
import { json, quiet } from './options.ts'
import { runOptions } from './run-options.ts'
import { mayTalk, talk } from './talk.ts'
import { watchPrompt } from './watch-prompt.ts'

/** `codegen resume [ID] "prompt"`: goes on with the conversation of an earlier run. */
export const resume: Command = {
  name: 'resume',
  group: 'Work',
  summary: 'go on with the conversation of an earlier run',
  operands: [
    { name: 'ID', meaning: 'the id of a run that has ended', isOptional: true, completes: 'runs' },
    { name: '"prompt"', meaning: 'a prompt', isOptional: true, takesRest: true },
  ],
  options: [...runOptions, json, quiet],
  details: [
    'Without a prompt a conversation is opened that goes on with it.',
    'Without an ID it is the newest run of this folder. The new run knows all that was said and done before,',
    'and asks, or does not, as this command line says: --auto of an earlier run is not taken over.',
    'A run of another folder is gone on with there: -C DIR.',
  ],
  run: resumeRun,
}

async function resumeRun(invocation: Invocation): Promise<ExitCode> {
  const { id, words } = splitOperands(invocation.words)
  if (words.length === 0 && mayTalk(invocation)) return talk(invocation, { id })
  if (words.length === 0 && process.stdin.isTTY)
    throw new Failure('request.invalid', 'codegen resume takes a prompt: codegen resume [ID] "what is to be done".')
  return watchPrompt(invocation, {
    words,
    findSession: async (client, folder) => (await findEarlierRun(client, { id, folder })).session_id,
  })
}

/** A first word that looks like the beginning of an id is one; all else is the prompt. */
function splitOperands(given: readonly string[]): { id: string | undefined; words: readonly string[] } {
  const [first = '', ...rest] = given
  return idBeginning.test(first) ? { id: first, words: rest } : { id: undefined, words: given }
}

const idBeginning = /^[0-9a-f]{8}[0-9a-f-]{0,28}$/
