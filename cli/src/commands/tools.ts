import type { Command, Invocation } from './command.ts'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { json } from './options.ts'
import { toJsonLine } from '#render/json-view'
import { renderTable } from '#render/table'
import { toOneLine } from '#render/visible'
import { withClient } from '#with-client'

const descriptionCharactersMax = 90

/** `codegen tools`: what a model may call here, in the order it sees it. */
export const tools: Command = {
  name: 'tools',
  group: 'This machine',
  summary: 'what a model may call here',
  operands: [],
  options: [json],
  run: listTools,
}

function listTools({ has, terminal }: Invocation): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const found = await client.listTools(process.cwd())
    if (has(json)) for (const tool of found) terminal.print(toJsonLine(tool))
    else {
      const rows = found.map(({ name, annotations, source, description }) => [
        toOneLine(name, 64),
        annotations?.readOnly ? 'reads' : 'changes',
        toOneLine(source, 40),
        toOneLine(description, descriptionCharactersMax),
      ])
      terminal.print(renderTable(rows, terminal.columns))
    }
    return exitCodes.done
  })
}
