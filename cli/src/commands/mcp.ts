import type { Command, Invocation } from './command.ts'
import type { ExitCode } from '#exit-code'
import { parseRunSettings, placeOptions } from './run-options.ts'

/** `codegen mcp`: the tools of this machine for any MCP client. */
export const mcp: Command = {
  name: 'mcp',
  group: 'This machine',
  summary: 'serve the tools of this machine to an MCP client, over standard input and output',
  operands: [],
  options: placeOptions,
  details: [
    'For the configuration of an MCP client: {"command": "codegen", "args": ["mcp", "-C", "DIR"]}',
    'Calls are decided and bounded as those of a run are; the folder is their root. Maestro need not be there.',
    'Questions are put through the client (elicitation). One that cannot put them is denied; --auto asks nothing.',
    'Standard output carries MCP and nothing else; notes go to standard error.',
  ],
  run: serve,
}

/** MCP is loaded only now: no other command carries any of it. */
async function serve(invocation: Invocation): Promise<ExitCode> {
  const { mode, cwd } = parseRunSettings(invocation)
  const { serveMcp } = await import('#mcp/serve-mcp')
  return serveMcp({ mode, cwd, terminal: invocation.terminal })
}
