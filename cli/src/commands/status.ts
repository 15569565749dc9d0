import type { Command, Invocation } from './command.ts'
import { connectToDaemon } from '#connect'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { json } from './options.ts'
import { toJsonLine } from '#render/json-view'
import { toDuration } from '#render/numbers'
import { stripControls } from '#render/strip-controls'
import { renderTable } from '#render/table'
import { version } from '#version'

/** `codegen status`: what codegend says of itself. Starts nothing. */
export const status: Command = {
  name: 'status',
  group: 'This machine',
  summary: 'what runs here, and where its files are',
  operands: [],
  options: [json],
  details: ['Starts nothing; exit code 4 says that codegend is not running. codegen doctor looks closer.'],
  run: showStatus,
}

async function showStatus({ has, terminal }: Invocation): Promise<ExitCode> {
  const client = await connectToDaemon({})
  const { maestro, ...daemon } = await client.status()
  client.close()
  if (has(json)) {
    terminal.print(toJsonLine({ ...daemon, maestro }))
    return exitCodes.done
  }
  const held = daemon.calls_held ? `, ${daemon.calls_held} of them in an earlier codegend` : ''
  const rows = [
    ['codegen', version],
    ['codegend', `${daemon.version}, pid ${daemon.pid}, up ${toDuration(daemon.uptime_ms)}`],
    [
      'maestro',
      `${maestro.state}, ${maestro.own ? 'its own' : maestro.url}${maestro.error ? `: ${maestro.error}` : ''}`,
    ],
    ...(maestro.model ? [['model', maestro.model]] : []),
    ['open', `${daemon.runs_open} runs, ${daemon.calls_open} calls${held}`],
    ['tools', daemon.tools.join(', ')],
    ['socket', daemon.socket],
    ['home', daemon.home],
    ['log', daemon.log_file],
  ]
  terminal.print(stripControls(renderTable(rows)))
  return exitCodes.done
}
