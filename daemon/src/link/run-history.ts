import { Failure } from '@codegen/protocol/failure'
import { daemonMethods } from '@codegen/protocol/local'
import type { DaemonMethods } from '@codegen/protocol/local'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { getJson } from './send.ts'
import type { Access } from './send.ts'

export type RunSummary = DaemonMethods['run/get']['result']

/** The newest runs of an executor first. Fails as getJson does. */
export async function listRuns(
  access: Access,
  { executorId, limit }: { executorId: string; limit: number },
  signal: AbortSignal,
): Promise<RunSummary[]> {
  const query = new URLSearchParams({ executor_id: executorId, limit: String(limit) })
  const answer = await getJson(access, `/v1/runs?${query.toString()}`, signal)
  if (isRunList(answer)) return answer.runs
  throw notUnderstood('run list')
}

/** One run by its whole id. Fails as getJson does. */
export async function getRun(access: Access, generationId: string, signal: AbortSignal): Promise<RunSummary> {
  const answer = await getJson(access, `/v1/runs/${encodeURIComponent(generationId)}`, signal)
  if (isRunSummary(answer)) return answer
  throw notUnderstood('run')
}

function isRunList(answer: unknown): answer is { runs: RunSummary[] } {
  return Compile(resultOf('run/list')).Check(answer)
}

function isRunSummary(answer: unknown): answer is RunSummary {
  return Compile(resultOf('run/get')).Check(answer)
}

function resultOf(name: keyof DaemonMethods): TSchema {
  const found = daemonMethods.find(({ method }) => method === name)
  if (!found) throw new Failure('internal', `There is no method ${name}.`)
  return found.result
}

function notUnderstood(what: string): Failure {
  return new Failure(
    'message.invalid',
    `Maestro answered a ${what} that this codegend does not understand; update the older of the two.`,
  )
}
