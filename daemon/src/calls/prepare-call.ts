import { resolve } from 'node:path'
import type { Tool } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { RunTool } from '@codegen/protocol/wire'
import type { JournaledRun } from '#journal/journal'
import type { PluginHost } from '#plugins/host'
import { decideRun } from './decide.ts'
import type { KnownRuns } from './known-runs.ts'
import { realFolder } from './real-folder.ts'

type PrepareParts = { readonly runs: KnownRuns; readonly host: PluginHost; readonly remoteRoots: readonly string[] }

/**
 * Finds the run, the tool and the folder of a call and checks its parameters. Fails with tool.denied, tool.unknown, tool.bad_arguments or
 * file.outside_workspace; nothing has happened then.
 */
export async function prepareCall(
  call: RunTool,
  { runs, host, remoteRoots }: PrepareParts,
): Promise<{ run: JournaledRun; tool: Tool; cwd: string }> {
  const run = runs.find(call.generation_id) ?? (await adoptRun(call, { runs, remoteRoots }))
  const { tool } = await host.find(call.tool_name)
  host.checkParameters(tool, call.parameters)
  const cwd = call.cwd === undefined || call.cwd === run.root ? run.root : await toFolder(run.root, call.cwd)
  return { run, tool, cwd }
}

async function adoptRun(
  { generation_id, cwd }: RunTool,
  { runs, remoteRoots }: { runs: KnownRuns; remoteRoots: readonly string[] },
): Promise<JournaledRun> {
  const root = cwd === undefined ? undefined : await realFolder(cwd)
  const listed = await Promise.all(remoteRoots.map(realFolder))
  const decision = decideRun({ root, remoteRoots: listed.filter((folder) => folder !== undefined) })
  if (decision.kind === 'deny') throw new Failure('tool.denied', decision.reason)
  return runs.adopt({ generationId: generation_id, root: decision.root })
}

async function toFolder(root: string, path: string): Promise<string> {
  const folder = await realFolder(resolve(root, path))
  if (folder !== undefined && isInside(root, folder)) return folder
  throw new Failure('file.outside_workspace', 'The folder this call was to work in is not inside the project.')
}

function isInside(root: string, path: string): boolean {
  return path === root || path.startsWith(root.endsWith('/') ? root : `${root}/`)
}
