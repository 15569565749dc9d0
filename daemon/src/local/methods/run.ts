import { stat } from 'node:fs/promises'
import { isAbsolute } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import type { Call, Result } from '#local/call'
import type { LocalDaemon, RunSummary } from '#local/ports'

const listLimitDefault = 20
const listLimitMax = 200
/** What is shorter cannot be a whole id, and Maestro need not be asked for it. */
const wholeIdCharactersMin = 8

/** Starts a run and attaches the client to it. A client that leaves before it has its answer takes the run with it. */
export async function startRun({
  daemon,
  client,
  parameters,
  signal,
}: Call<'run/start'>): Promise<Result<'run/start'>> {
  await checkFolder(parameters.cwd)
  const { detach, ...started } = await daemon.startRun(parameters, client.viewer, signal)
  client.attach(started.generation_id, detach)
  return started
}

/** Shows a run to the client: what was, then what comes. */
export async function attachRun({
  daemon,
  client,
  parameters,
  signal,
}: Call<'run/attach'>): Promise<Result<'run/attach'>> {
  const { generation_id } = parameters
  client.detach(generation_id)
  const { detach } = await daemon.attachRun(parameters, client.viewer, signal)
  client.attach(generation_id, detach)
  return { generation_id }
}

/** The newest runs, their prompts shortened. */
export async function listRuns({ daemon, parameters, signal }: Call<'run/list'>): Promise<Result<'run/list'>> {
  const runs = await daemon.listRuns(parameters.limit ?? listLimitDefault, signal)
  return { runs: runs.map((run) => ({ ...run, prompt: run.prompt.slice(0, limits.listedPromptCharactersMax) })) }
}

/** One run by its id or an unambiguous beginning of it. */
export async function getRun({ daemon, parameters, signal }: Call<'run/get'>): Promise<RunSummary> {
  const { generation_id } = parameters
  if (generation_id.length < wholeIdCharactersMin) return findByBeginning(daemon, generation_id, signal)
  try {
    return await daemon.getRun(generation_id, signal)
  } catch (failure) {
    if (!(failure instanceof Failure) || failure.code !== 'run.unknown') throw failure
    return findByBeginning(daemon, generation_id, signal)
  }
}

/** Asks for the end of a run. */
export async function cancelRun({
  daemon,
  client,
  parameters,
  signal,
}: Call<'run/cancel'>): Promise<Result<'run/cancel'>> {
  const reason = parameters.reason ?? `asked for by ${client.introduction?.name ?? 'a client'}`
  await daemon.cancelRun(parameters.generation_id, reason, signal)
  return {}
}

/** Says something to an open run. */
export async function inputRun({ daemon, parameters, signal }: Call<'run/input'>): Promise<Result<'run/input'>> {
  await daemon.inputRun(parameters, signal)
  return {}
}

async function checkFolder(folder: string): Promise<void> {
  if (!isAbsolute(folder))
    throw new Failure('request.invalid', `run/start: "cwd" has to be an absolute path, not ${folder}.`)
  const found = await stat(folder).catch(() => undefined)
  if (!found?.isDirectory()) throw new Failure('request.invalid', `There is no folder ${folder} to work in.`)
}

async function findByBeginning(daemon: LocalDaemon, beginning: string, signal: AbortSignal): Promise<RunSummary> {
  const runs = await daemon.listRuns(listLimitMax, signal)
  const [first, second] = runs.filter(({ generation_id }) => generation_id.startsWith(beginning))
  if (!first) throw new Failure('run.unknown', `There is no run ${beginning}; \`codegen runs\` lists them.`)
  if (!second) return first
  throw new Failure(
    'request.invalid',
    `More than one run begins with ${beginning}: ${first.generation_id} and ${second.generation_id}; write more of it.`,
  )
}
