import { Failure } from '@codegen/protocol/failure'
import type { ExitCode } from '#exit-code'
import type { Invocation } from './command.ts'
import { json, quiet } from './options.ts'
import { parseRunSettings } from './run-options.ts'

/** Whether this command line, which has no prompt, means a conversation: a person is at both ends. */
export function mayTalk({ has }: Pick<Invocation, 'has'>): boolean {
  const isPerson = process.stdin.isTTY && process.stdout.isTTY && process.env['TERM'] !== 'dumb'
  return isPerson && !has(json) && !has(quiet)
}

/** Opens a conversation. It is loaded only now: a prompt on the command line carries none of it. */
export async function talk(invocation: Invocation, earlier?: { id: string | undefined }): Promise<ExitCode> {
  const settings = parseRunSettings(invocation)
  const { openConversation } = await import('#conversation/open-conversation')
  return openConversation({
    settings,
    terminal: invocation.terminal,
    runCommand: (name) => runByName(name, invocation),
    ...(earlier ? { earlier } : {}),
  })
}

function runByName(name: string, { commands, terminal }: Invocation): Promise<ExitCode> {
  const command = commands.find((one) => one.name === name)
  if (!command) throw new Failure('internal', `The table of commands has no "${name}".`)
  return command.run({ words: [], has: () => false, value: () => undefined, terminal, commands })
}
