import { randomUUID } from 'node:crypto'
import { Failure, toFailure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { RunInput } from '@codegen/protocol/wire'
import type { KnownRuns } from '#calls/known-runs'
import { reach } from '#crash-points'
import { holdUntilOpen } from './held-viewer.ts'
import type { Outbox } from './outbox.ts'
import type { StartTraces } from './start-traces.ts'
import { toStartRun } from './starts.ts'
import type { PendingStarts, StartedRun, StartParameters } from './starts.ts'
import type { RunViewer, Viewers } from './viewers.ts'

/** What clients of this machine ask of the runs of a server of level 1. There has to be a link. */
export type RunRequests = {
  /** Resolves when the run has its id; its events go to `viewer` from the first one on, but not before this has resolved. */
  start(parameters: StartParameters, viewer: RunViewer, signal: AbortSignal): Promise<ShownRun>
  /** A run that has ended is shown again from its beginning, or its end would not come; the viewer sees of it what it lacks. */
  attach(place: { generation_id: string; after?: string; hasEnded: boolean }, viewer: RunViewer): { detach(): void }
  /** Resolves when the request is on record. Fails with run.unknown or run.finished. */
  cancel(generationId: string, reason: string, signal: AbortSignal): Promise<void>
  /** Resolves when the input is on record. Fails with run.unknown, run.finished or run.busy. */
  input(input: RunInput, signal: AbortSignal): Promise<void>
}

export type ShownRun = { generation_id: string; session_id: string; detach(): void }

export type RunParts = {
  readonly known: KnownRuns
  readonly outbox: Outbox
  readonly viewers: Viewers
  readonly starts: PendingStarts
  readonly traces: StartTraces | undefined
}

export function createRunRequests(parts: RunParts): RunRequests {
  return {
    start: (parameters, viewer, signal) => startTraced(parts, { parameters, viewer, signal }),
    attach({ generation_id, after, hasEnded }, viewer) {
      const held = holdUntilOpen(viewer)
      const detach = watch(parts, { generationId: generation_id, viewer: held.viewer, after })
      const from = parts.viewers.restart(generation_id)
      subscribe(parts, generation_id, hasEnded ? undefined : from)
      held.open()
      return { detach }
    },
    async cancel(generationId, reason, signal) {
      await Promise.race([requestCancel(parts, generationId, reason), giveUpOn(signal)])
    },
    async input(payload, signal) {
      await Promise.race([parts.outbox.confirm({ type: 'run_input', payload }), giveUpOn(signal)])
    },
  }
}

/** Asks the server for a run's events after the given one, or all of them. */
export function subscribe({ outbox }: Pick<RunParts, 'outbox'>, generationId: string, after: string | undefined): void {
  outbox.offer({ type: 'subscribe', payload: { generation_id: generationId, ...(after ? { after } : {}) } })
}

/** Asks for the end of a run, until the server has it on record or says why not. */
export function requestCancel({ outbox }: RunParts, generationId: string, reason: string): Promise<void> {
  const payload = { generation_id: generationId, client_ref: randomUUID(), reason }
  return outbox.confirm({ type: 'cancel_run', payload })
}

type StartWish = { parameters: StartParameters; viewer: RunViewer; signal: AbortSignal }

async function startTraced(parts: RunParts, wish: StartWish): Promise<ShownRun> {
  const trace = parts.traces?.start(wish.parameters.traceparent)
  if (!trace) return startRun(parts, wish)
  const { traceparent } = trace
  try {
    const shown = await startRun(parts, { ...wish, parameters: { ...wish.parameters, traceparent } })
    trace.ended(undefined)
    return shown
  } catch (error) {
    trace.ended(toFailure(error).code)
    throw error
  }
}

async function startRun(parts: RunParts, { parameters, viewer, signal }: StartWish): Promise<ShownRun> {
  const { known, outbox, starts } = parts
  const { client_ref } = parameters
  const held = holdUntilOpen(viewer)
  let detach = (): void => {}
  const begun = ({ generationId, duplicate }: StartedRun): void => {
    detach = watch(parts, { generationId, viewer: held.viewer, after: undefined })
    if (duplicate) subscribe(parts, generationId, undefined)
  }
  const payload = starts.has(client_ref) ? undefined : await toStartRun(parameters)
  signal.throwIfAborted()
  const started = starts.wait(client_ref, begun, signal)
  if (payload) {
    known.expect({ clientRef: client_ref, root: payload.cwd, mode: payload.mode })
    reach('start-noted')
    outbox.keep({ type: 'start_run', payload })
  }
  try {
    const { generationId, sessionId } = await started
    return { generation_id: generationId, session_id: sessionId, detach }
  } finally {
    if (!starts.has(client_ref)) outbox.withdraw(`start_run:${client_ref}`)
    held.open()
  }
}

type Watching = { generationId: string; viewer: RunViewer; after: string | undefined }

function watch({ viewers, outbox }: RunParts, { generationId, viewer, after }: Watching): () => void {
  const detach = viewers.attach(generationId, viewer, after)
  return () => {
    detach()
    if (!viewers.isWatched(generationId))
      outbox.offer({ type: 'unsubscribe', payload: { generation_id: generationId } })
  }
}

/** What is asked for stays in the outbox: it is only not waited for any longer. */
function giveUpOn(signal: AbortSignal): Promise<never> {
  const given = AbortSignal.any([signal, AbortSignal.timeout(limits.localRequestMs)])
  const unconfirmed = 'Maestro has not confirmed it yet; it is asked again as soon as it can be reached.'
  return new Promise((_resolve, reject) => {
    const giveUp = (): void => {
      if (signal.aborted) reject(new Failure('client.cancelled', 'The request was cancelled.'))
      else reject(new Failure('server.unreachable', unconfirmed))
    }
    given.addEventListener('abort', giveUp, { once: true })
  })
}
