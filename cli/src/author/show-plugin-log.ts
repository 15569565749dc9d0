import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { toJsonLine } from '#render/json-view'
import { renderLogLine } from './dev-view.ts'
import type { Terminal } from '#render/terminal'

type WantedLog = { readonly name: string; readonly lines: number; readonly follow: boolean; readonly json: boolean }

/** What a plugin printed and logged, and what it will, until codegend leaves. */
export async function showPluginLog({ name, lines, follow, json }: WantedLog, terminal: Terminal): Promise<ExitCode> {
  type Line = Parameters<typeof renderLogLine>[0]
  const print = (line: Line): void => terminal.print(json ? toJsonLine(line) : renderLogLine(line, terminal))
  const client = await connectToDaemon({
    events: { pluginLogLine: print, settled: terminal.flush },
    onStart: () => terminal.note('starting codegend, which stays in the background'),
  })
  try {
    for (const line of await client.tailPluginLog({ name, lines, follow })) print(line)
    terminal.flush()
    if (follow) {
      await client.closed
      terminal.note('codegend has left')
    }
    return exitCodes.done
  } finally {
    client.close()
  }
}
