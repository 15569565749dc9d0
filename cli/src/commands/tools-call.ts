import type { Command, Invocation } from './command.ts'
import { callTool as call } from '#call-tool'
import type { ExitCode } from '#exit-code'
import { createHumanCallView, createJsonCallView } from '#render/call-view'
import { readToolArguments } from '#tool-arguments'
import { newClientRef } from '#client-ref'
import { json } from './options.ts'
import { parseRunSettings, placeOptions } from './run-options.ts'

/** `codegen tools call NAME '{...}'`: runs one tool without a model. */
export const callTool: Command = {
  name: 'tools call',
  group: 'This machine',
  summary: 'run one tool yourself, without a model',
  operands: [
    { name: 'NAME', meaning: "a tool's name", completes: 'tools' },
    { name: 'ARGUMENTS', meaning: 'its arguments as a JSON object', isOptional: true },
  ],
  options: [...placeOptions, json],
  details: [
    `codegen tools call ReadFile '{"file_path": "package.json"}'`,
    'ARGUMENTS may also be @FILE, or - for standard input, which is read as well where they are left out.',
    'The call is decided, asked for and bounded as those of a run are; the folder is its root. Maestro need not be there.',
    'What the tool prints comes as it is printed. Ctrl-C, or closing the terminal, cancels the call.',
  ],
  run: runTool,
}

async function runTool(invocation: Invocation): Promise<ExitCode> {
  const { words, terminal, has } = invocation
  const [name = '', word] = words
  const { mode, cwd } = parseRunSettings(invocation)
  const parameters = await readToolArguments(word, () => terminal.note('reading the arguments from standard input'))
  const view = has(json) ? createJsonCallView(terminal, name) : createHumanCallView(terminal)
  return call({ parameters: { name, parameters, cwd, mode, client_ref: newClientRef() }, terminal, view })
}
