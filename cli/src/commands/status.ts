import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { toJsonLine } from '#render/json-view'
import { toDuration } from '#render/numbers'
import { stripControls } from '#render/strip-controls'
import { renderTable } from '#render/table'
import type { Terminal } from '#render/terminal'
import { version } from '#version'

/** `codegen status`: what codegend says of itself. Starts nothing. */
export async function status({ json }: { json: boolean }, terminal: Terminal): Promise<ExitCode> {
  const client = await connectToDaemon({})
  const { maestro, ...daemon } = await client.status()
  client.close()
  if (json) {
    terminal.print(toJsonLine({ ...daemon, maestro }))
    return exitCodes.done
  }
  const rows = [
    ['codegen', version],
    ['codegend', `${daemon.version}, pid ${daemon.pid}, up ${toDuration(daemon.uptime_ms)}`],
    [
      'maestro',
      `${maestro.state}, ${maestro.own ? 'its own' : maestro.url}${maestro.error ? `: ${maestro.error}` : ''}`,
    ],
    ...(maestro.model ? [['model', maestro.model]] : []),
    ['open', `${daemon.runs_open} runs, ${daemon.calls_open} calls`],
    ['tools', daemon.tools.join(', ')],
    ['socket', daemon.socket],
    ['home', daemon.home],
    ['log', daemon.log_file],
  ]
  terminal.print(stripControls(renderTable(rows)))
  return exitCodes.done
}
