import { randomUUID } from 'node:crypto'
import { Failure, isFailureCode } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { RunEvent, RunFinished, RunStarted, Welcome, WireError } from '@codegen/protocol/wire'
import type { KnownRuns } from '#calls/known-runs'
import { holdUntilOpen } from './held-viewer.ts'
import type { Outbox } from './outbox.ts'
import { toStartRun } from './starts.ts'
import type { PendingStarts, StartedRun, StartParameters } from './starts.ts'
import type { RunViewer, Viewers } from './viewers.ts'

/** The runs of this machine at a server of level 1: what clients ask of them, and what the server says of them. */
export type Runs = {
  start(parameters: StartParameters, viewer: RunViewer, signal: AbortSignal): Promise<Shown>
  /** A run that has ended is shown again from its beginning, or its end would not come; the viewer sees of it what it lacks. */
  attach(place: { generation_id: string; after?: string; hasEnded: boolean }, viewer: RunViewer): { detach(): void }
  /** Resolves when the request is on record. Fails with run.unknown or run.finished. */
  cancel(generationId: string, reason: string, signal: AbortSignal): Promise<void>
  /** Ties what was asked for to what the server knows. Before anything is sent on the new link. */
  welcomed(welcome: Welcome): void
  /** Asks for the events of every run somebody watches, once there is a link again. */
  watchAgain(): void
  started(started: RunStarted): void
  event(event: RunEvent): void
  finished(outcome: RunFinished): void
  /** The server would not take a message. */
  refused(error: WireError): void
}

export type Shown = { generation_id: string; session_id: string; detach(): void }

export type RunsParts = {
  readonly known: KnownRuns
  readonly outbox: Outbox
  readonly viewers: Viewers
  readonly starts: PendingStarts
}

export function createRuns(parts: RunsParts): Runs {
  const { known, outbox, viewers, starts } = parts

  /** Ties the server's id to the folder that was given here. A run nobody waits for any more is ended again. */
  function begin(clientRef: string, run: StartedRun): void {
    outbox.stored(`start_run:${clientRef}`)
    known.begin({ clientRef, ...run })
    if (starts.takeAbandoned(clientRef))
      requestCancel(run.generationId, 'The client that asked for it is gone.').catch(ignore)
    starts.started(clientRef, run)
  }

  function requestCancel(generation_id: string, reason: string): Promise<void> {
    return outbox.confirm({ type: 'cancel_run', payload: { generation_id, client_ref: randomUUID(), reason } })
  }

  function subscribe(generationId: string, after: string | undefined): void {
    outbox.offer({ type: 'subscribe', payload: { generation_id: generationId, ...(after ? { after } : {}) } })
  }

  function attach(generationId: string, viewer: RunViewer, after?: string): () => void {
    const detach = viewers.attach(generationId, viewer, after)
    return () => {
      detach()
      if (!viewers.isWatched(generationId))
        outbox.offer({ type: 'unsubscribe', payload: { generation_id: generationId } })
    }
  }

  return {
    async start(parameters, viewer, signal) {
      const { client_ref } = parameters
      const held = holdUntilOpen(viewer)
      let detach = (): void => {}
      const begun = ({ generationId, duplicate }: StartedRun): void => {
        detach = attach(generationId, held.viewer)
        if (duplicate) subscribe(generationId, undefined)
      }
      const asked = starts.has(client_ref)
      const payload = asked ? undefined : await toStartRun(parameters)
      signal.throwIfAborted()
      const run = starts.wait(client_ref, begun, signal)
      if (payload) {
        known.expect({ clientRef: client_ref, root: payload.cwd, mode: payload.mode })
        outbox.keep({ type: 'start_run', payload })
      }
      const { generationId, sessionId } = await run.finally(() => {
        if (!starts.has(client_ref)) outbox.withdraw(`start_run:${client_ref}`)
      })
      held.open()
      return { generation_id: generationId, session_id: sessionId, detach }
    },
    attach({ generation_id, after, hasEnded }, viewer) {
      const held = holdUntilOpen(viewer)
      const detach = attach(generation_id, held.viewer, after)
      const from = viewers.restart(generation_id)
      subscribe(generation_id, hasEnded ? undefined : from)
      held.open()
      return { detach }
    },
    async cancel(generationId, reason, signal) {
      await Promise.race([requestCancel(generationId, reason), giveUpOn(signal)])
    },
    welcomed({ runs }) {
      for (const { client_ref, generation_id, session_id } of runs) {
        if (client_ref) begin(client_ref, { generationId: generation_id, sessionId: session_id, duplicate: true })
      }
      // An earlier codegend asked for the others, and the server never heard of them.
      for (const clientRef of known.expected()) if (!starts.has(clientRef)) known.drop(clientRef)
    },
    watchAgain() {
      for (const generationId of viewers.watchedRuns()) subscribe(generationId, viewers.restart(generationId))
    },
    started({ client_ref, generation_id, session_id, duplicate = false }) {
      begin(client_ref, { generationId: generation_id, sessionId: session_id, duplicate })
    },
    event(event) {
      if (viewers.event(event)) return
      outbox.offer({ type: 'unsubscribe', payload: { generation_id: event.generation_id } })
    },
    finished(outcome) {
      const { client_ref, generation_id } = outcome
      if (client_ref && starts.has(client_ref)) endStart(parts, client_ref, toFailureOf(outcome))
      known.end(generation_id)
      viewers.finished(outcome)
      outbox.offer({ type: 'stored', payload: { ref: `run_finished:${generation_id}` } })
    },
    refused({ ref = '', code, message }) {
      const failure = new Failure(isFailureCode(code) ? code : 'server.unreachable', message)
      outbox.refused(ref, failure)
      if (ref.startsWith('start_run:')) endStart(parts, ref.slice('start_run:'.length), failure)
    },
  }
}

function endStart({ known, starts }: RunsParts, clientRef: string, failure: Failure): void {
  known.drop(clientRef)
  starts.refused(clientRef, failure)
}

/** A run that ended before its id was told: its starter hears why. */
function toFailureOf({ status, error }: RunFinished): Failure {
  const code = error && isFailureCode(error.code) ? error.code : 'run.refused'
  return new Failure(code, error?.message ?? `The run ended as ${status} before it began.`)
}

/** What is asked for stays in the outbox: it is only not waited for any longer. */
function giveUpOn(signal: AbortSignal): Promise<never> {
  const given = AbortSignal.any([signal, AbortSignal.timeout(limits.localRequestMs)])
  return new Promise((_resolve, reject) => {
    const giveUp = (): void =>
      reject(
        signal.aborted
          ? new Failure('client.cancelled', 'The request was cancelled.')
          : new Failure(
              'server.unreachable',
              'Maestro has not confirmed it yet; it is asked again as soon as it can be reached.',
            ),
      )
    given.addEventListener('abort', giveUp, { once: true })
  })
}

function ignore(): void {}
