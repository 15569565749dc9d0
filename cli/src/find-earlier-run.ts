import { realpathSync } from 'node:fs'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'
import type { Client } from './client.ts'
import { limits } from './limits.ts'

export type EarlierRun = DaemonMethods['run/get']['result']

/**
 * The run whose conversation is to go on in this folder: the one that was named, else the newest that was started here. Fails with request.invalid for
 * one of another folder or one that still goes on: what the server says of a run never chooses where the next one works.
 */
export async function findEarlierRun(
  client: Pick<Client, 'getRun' | 'listRuns'>,
  { id, folder }: { id: string | undefined; folder: string },
): Promise<EarlierRun> {
  const here = realpathSync(folder)
  const run = id === undefined ? await findNewest(client, here) : await client.getRun(id)
  const name = run.generation_id.slice(0, limits.idCharactersShown)
  if (run.cwd !== here) {
    throw refusal(
      `The run ${name} worked in ${run.cwd}, and a conversation goes on in its own folder: codegen resume ${name} -C '${run.cwd}'`,
    )
  }
  if (run.finished_at === null) {
    throw refusal(
      `The run ${name} still goes on; codegen attach ${name} watches it and answers its questions, codegen cancel ${name} ends it.`,
    )
  }
  return run
}

async function findNewest(client: Pick<Client, 'listRuns'>, here: string): Promise<EarlierRun> {
  const run = (await client.listRuns(limits.earlierRunsMax)).find(({ cwd }) => cwd === here)
  if (run) return run
  throw refusal(`No run was started in ${here} yet, so there is none to go on with; codegen "..." starts one.`)
}

function refusal(sentence: string): Failure {
  return new Failure('request.invalid', sentence)
}
