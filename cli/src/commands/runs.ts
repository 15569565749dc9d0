import type { Command, Invocation } from './command.ts'
import { exitCodes } from '#exit-code'
import type { ExitCode } from '#exit-code'
import { limits } from '#limits'
import { json } from './options.ts'
import { toJsonLine } from '#render/json-view'
import { countOf } from '#render/numbers'
import { renderTable } from '#render/table'
import { toOneLine } from '#render/visible'
import { withClient } from '#with-client'

/** `codegen runs`: the newest runs of this machine, each with the shortest id that names it. */
export const runs: Command = {
  name: 'runs',
  group: 'Runs',
  summary: 'the newest runs, each with an id for the commands below',
  operands: [],
  options: [json],
  run: listRuns,
}

function listRuns({ has, terminal }: Invocation): Promise<ExitCode> {
  return withClient(terminal, async (client) => {
    const found = await client.listRuns(limits.runsListed)
    if (has(json)) {
      for (const run of found) terminal.print(toJsonLine(run))
      return exitCodes.done
    }
    if (found.length === 0) terminal.print('There is no run yet; codegen "..." starts one.\n')
    const ids = found.map((run) => run.generation_id)
    const rows = found.map((run) => [
      shortestBeginning(run.generation_id, ids),
      run.status,
      countOf(run.turns, 'turn'),
      toAge(Date.now() - Date.parse(run.created_at)),
      toOneLine(run.prompt, limits.promptColumnMax),
    ])
    terminal.print(renderTable(rows, terminal.columns))
    return exitCodes.done
  })
}

/** The shortest beginning of at least eight characters that no other id shares. */
function shortestBeginning(id: string, ids: readonly string[]): string {
  for (let length = 8; length < id.length; length += 1) {
    const beginning = id.slice(0, length)
    if (!ids.some((other) => other !== id && other.startsWith(beginning))) return beginning
  }
  return id
}

function toAge(milliseconds: number): string {
  const minutes = Math.max(0, Math.floor(milliseconds / 60_000))
  if (Number.isNaN(minutes)) return ''
  if (minutes < 1) return 'now'
  if (minutes < 60) return `${minutes} min ago`
  return minutes < 48 * 60 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} d ago`
}
