import { resolve } from 'node:path'
import type { Tool } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import type { RunTool } from '@codegen/protocol/wire'
import type { RemoteRoot } from '#config'
import { isInside } from '#is-inside'
import type { JournaledRun } from '#journal/journal'
import type { PluginHost } from '#plugins/host'
import { decideRun } from './decide.ts'
import type { KnownRuns } from './known-runs.ts'
import { realFolder } from './real-folder.ts'

type PrepareParts = { readonly runs: KnownRuns; readonly host: PluginHost; readonly remoteRoots: readonly RemoteRoot[] }

/**
 * Finds the run, the tool and the folder of a call and checks its parameters. Fails with run.refused, tool.unknown, tool.bad_arguments or
 * file.outside_workspace; nothing has happened then.
 */
export async function prepareCall(
  call: RunTool,
  { runs, host, remoteRoots }: PrepareParts,
): Promise<{ run: JournaledRun; tool: Tool; isForeign: boolean; isHeld: boolean; source: string; cwd: string }> {
  const run = runs.find(call.generation_id) ?? (await adoptRun(call, { runs, remoteRoots }))
  const { tool, isForeign, isHeld, source } = await host.find(call.tool_name, run.root)
  host.checkParameters(tool, call.parameters)
  const cwd = call.cwd === undefined || call.cwd === run.root ? run.root : await toFolder(run.root, call.cwd)
  return { run, tool, isForeign, isHeld, source, cwd }
}

async function adoptRun(
  { generation_id, cwd, mode: askedMode = 'ask' }: RunTool,
  { runs, remoteRoots }: { runs: KnownRuns; remoteRoots: readonly RemoteRoot[] },
): Promise<JournaledRun> {
  const root = cwd === undefined ? undefined : await realFolder(cwd)
  const listed = await Promise.all(
    remoteRoots.map(async (listing) => ({ ...listing, path: await realFolder(listing.path) })),
  )
  const real = listed.flatMap(({ path, mode }) => (path === undefined ? [] : [{ path, mode }]))
  const decision = decideRun({ root, askedMode, remoteRoots: real })
  if (decision.kind === 'deny') throw new Failure('run.refused', decision.reason)
  return (
    runs.find(generation_id) ?? runs.adopt({ generationId: generation_id, root: decision.root, mode: decision.mode })
  )
}

async function toFolder(root: string, path: string): Promise<string> {
  const folder = await realFolder(resolve(root, path))
  if (folder !== undefined && isInside(root, folder)) return folder
  throw new Failure('file.outside_workspace', 'The folder this call was to work in is not inside the project.')
}
