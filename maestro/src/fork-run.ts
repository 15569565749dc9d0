import { randomUUID } from 'node:crypto'
import { Failure } from '@codegen/protocol/failure'
import type { Database } from '#postgres/database'
import { loadReadable } from '#postgres/load-run'
import { saveFork } from '#postgres/save-fork'
import { toFork } from '#runs/fork'
import type { RunKey } from '#runs/ports'
import type { Run } from '#runs/run'
import { safeguards } from '#safeguards/safeguards'

type Forking = {
  readonly database: Database
  readonly key: RunKey
  /** The last entry the fork begins with. */
  readonly from: number
  readonly model: string | undefined
  readonly isJson: boolean
  print(text: string): void
}

/**
 * Forks a run and prints the new one's id and how to watch it. Nothing of the first run changes. Fails with request.invalid where it cannot be forked,
 * run.unreadable, executor.unknown or run.busy; nothing is written then.
 */
export async function forkRun({ database, key, from, model, isJson, print }: Forking): Promise<number> {
  const { loaded, unreadable } = await loadReadable(database, key)
  if (unreadable && unreadable.position <= from)
    throw new Failure(
      'run.unreadable',
      `Entry ${unreadable.position} of the run ${key.generationId} cannot be read (${unreadable.reason}); fork it at an entry before that.`,
    )
  const plan = { position: from, generationId: randomUUID(), sessionId: randomUUID(), model }
  const fork = toFork(loaded.entries, plan, safeguards)
  const started = fork.entries[0]?.fact
  const prompt = started?.type === 'run_started' ? started.payload.prompt : ''
  await saveFork(database, fork, { teamId: key.teamId, executorId: loaded.executorId, prompt })
  const told = { executorId: loaded.executorId, forkedFrom: { generation_id: key.generationId, position: from } }
  print(isJson ? toJson(fork.run, told) : toText(fork.run, told))
  return 0
}

type Told = { readonly executorId: string; readonly forkedFrom: { generation_id: string; position: number } }

function toJson({ generationId, sessionId, model, cwd, mode }: Run, { executorId, forkedFrom }: Told): string {
  const ids = { generation_id: generationId, session_id: sessionId, executor_id: executorId }
  return `${JSON.stringify({ type: 'fork', ...ids, forked_from: forkedFrom, model, cwd, mode })}\n`
}

function toText({ generationId, model, cwd }: Run, { executorId, forkedFrom }: Told): string {
  return `run ${generationId}: begins with entries 1 to ${forkedFrom.position} of ${forkedFrom.generation_id}, goes on with ${model}
It is taken up within seconds of its executor ${executorId} being connected. Watch it with:
  codegen attach ${generationId}
Its tools run only where the machine's owner lists ${JSON.stringify(cwd)}, or a folder above it, in remoteRoots (docs/configuration.md).
`
}
