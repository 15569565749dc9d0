import { Failure } from '@codegen/protocol/failure'
import type { RunInput } from '@codegen/protocol/wire'
import type { Link } from './link.ts'
import { getRun, listRuns } from './run-history.ts'
import type { RunSummary } from './run-history.ts'
import type { RunRequests, ShownRun } from './run-requests.ts'
import type { SeedRuns } from './seed-runs.ts'
import type { Access } from './send.ts'
import type { StartParameters } from './starts.ts'
import type { RunViewer } from './viewers.ts'

/** What clients of this machine may ask of runs, whatever kind of server there is. */
export type RunDesk = {
  startRun(parameters: StartParameters, viewer: RunViewer, signal: AbortSignal): Promise<ShownRun>
  attachRun(
    place: { generation_id: string; after?: string },
    viewer: RunViewer,
    signal: AbortSignal,
  ): Promise<{ detach(): void }>
  listRuns(limit: number, signal: AbortSignal): Promise<RunSummary[]>
  getRun(generationId: string, signal: AbortSignal): Promise<RunSummary>
  cancelRun(generationId: string, reason: string, signal: AbortSignal): Promise<void>
  inputRun(input: RunInput, signal: AbortSignal): Promise<void>
}

export type RunDeskParts = {
  readonly executorId: string
  readonly link: Link
  readonly runs: RunRequests
  readonly seedRuns: SeedRuns
  access(signal: AbortSignal): Promise<Access>
}

/** Each method waits for the link first, but not for ever. */
export function createRunDesk({ executorId, link, runs, seedRuns, access }: RunDeskParts): RunDesk {
  async function history(signal: AbortSignal): Promise<Access> {
    const state = await link.ready(signal)
    if (state.level === 0) throw new Failure('run.unknown', 'The server keeps no record of its runs.')
    return access(signal)
  }

  return {
    async startRun(parameters, viewer, signal) {
      const state = await link.ready(signal)
      if (state.level === 0) return seedRuns.start(state.access, { parameters, viewer, signal })
      return runs.start(parameters, viewer, signal)
    },
    async attachRun(place, viewer, signal) {
      if (seedRuns.has(place.generation_id)) return seedRuns.attach(place, viewer)
      const { finished_at } = await getRun(await history(signal), place.generation_id, signal)
      return runs.attach({ ...place, hasEnded: finished_at !== null }, viewer)
    },
    listRuns: async (limit, signal) => listRuns(await history(signal), { executorId, limit }, signal),
    getRun: async (generationId, signal) => getRun(await history(signal), generationId, signal),
    async cancelRun(generationId, reason, signal) {
      if (seedRuns.has(generationId)) return seedRuns.cancel(generationId)
      await history(signal)
      await runs.cancel(generationId, reason, signal)
    },
    async inputRun(input, signal) {
      if (seedRuns.has(input.generation_id))
        throw new Failure('request.invalid', 'The server of this run takes no input once it has begun.')
      await history(signal)
      await runs.input(input, signal)
    },
  }
}
