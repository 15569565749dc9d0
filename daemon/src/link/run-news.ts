import { Failure, isFailureCode } from '@codegen/protocol/failure'
import type { RunEvent, RunFinished, RunStarted, Welcome, WireError } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { reach } from '#crash-points'
import { awaitLastEvents } from './await-last-events.ts'
import { isOfThisMachine } from './run-place.ts'
import { requestCancel, subscribe } from './run-requests.ts'
import type { RunParts } from './run-requests.ts'
import type { StartedRun } from './starts.ts'

/** What a server of level 1 says of its runs. */
export type RunNews = {
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

export function createRunNews(parts: RunParts): RunNews {
  const { known, outbox, viewers, starts } = parts
  return {
    welcomed({ runs }) {
      for (const { client_ref, generation_id, session_id } of runs) {
        if (client_ref)
          begin(parts, client_ref, { generationId: generation_id, sessionId: session_id, duplicate: true })
      }
      // An earlier codegend asked for the others, and the server never heard of them.
      for (const clientRef of known.expected()) if (!starts.has(clientRef)) known.drop(clientRef)
      // Every open run is in the welcome: the others have ended while there was no link, or at a server that has lost its database.
      const open = new Set(runs.map((run) => run.generation_id))
      for (const id of known.ids()) if (!isOfThisMachine(id) && !open.has(id)) known.end(id)
    },
    watchAgain() {
      for (const generationId of viewers.watchedRuns()) subscribe(parts, generationId, viewers.restart(generationId))
    },
    started({ client_ref, generation_id, session_id, duplicate = false }) {
      begin(parts, client_ref, { generationId: generation_id, sessionId: session_id, duplicate })
    },
    event(event) {
      const { generation_id } = event
      const taken = viewers.event(event)
      if (taken === 'unwatched') outbox.offer({ type: 'unsubscribe', payload: { generation_id } })
      if (taken === 'gap') subscribe(parts, generation_id, viewers.restart(generation_id))
    },
    finished(outcome) {
      const { client_ref, generation_id } = outcome
      if (client_ref && starts.has(client_ref)) endStart(parts, client_ref, toFailureOf(outcome))
      known.end(generation_id)
      if (viewers.finished(outcome)) awaitLastEvents(outcome, parts)
      outbox.offer({ type: 'stored', payload: { ref: `run_finished:${generation_id}` } })
    },
    refused(error) {
      const { ref = '', retryable } = error
      const generationId = toSubscribed(ref)
      if (generationId !== undefined) return showAgain(parts, generationId, error)
      if (retryable) return
      const failure = toFailure(error)
      outbox.refused(ref, failure)
      if (ref.startsWith('start_run:')) endStart(parts, ref.slice('start_run:'.length), failure)
    },
  }
}

function toSubscribed(ref: string): string | undefined {
  return ref.startsWith('subscribe:') ? ref.slice('subscribe:'.length) : undefined
}

/** The server could not show a run. If it may be able to later it is asked again, else its viewers are told. */
function showAgain(parts: RunParts, generationId: string, error: WireError): void {
  const { viewers } = parts
  const { code, message } = error
  if (!error.retryable)
    return viewers.giveUp({ generation_id: generationId, status: 'failed', error: { code, message } })
  setTimeout(() => {
    if (viewers.isWatched(generationId)) subscribe(parts, generationId, viewers.restart(generationId))
  }, limits.showAgainMs).unref()
}

function toFailure({ code, message }: WireError): Failure {
  return new Failure(isFailureCode(code) ? code : 'server.unreachable', message)
}

/** Ties the server's id to the folder that was given here. A run nobody waits for any more is ended again. */
function begin(parts: RunParts, clientRef: string, run: StartedRun): void {
  const { known, outbox, starts } = parts
  outbox.stored(`start_run:${clientRef}`)
  known.begin({ clientRef, ...run })
  reach('run-begun')
  starts.started(clientRef, run)
  if (!starts.takeAbandoned(clientRef)) return
  // What the server says against it is that the run has ended already.
  requestCancel(parts, run.generationId, 'The client that asked for it is gone.').catch(() => undefined)
}

function endStart({ known, starts }: RunParts, clientRef: string, failure: Failure): void {
  known.drop(clientRef)
  starts.refused(clientRef, failure)
}

/** A run that ended before its id was told: its starter hears why. */
function toFailureOf({ status, error }: RunFinished): Failure {
  const code = error && isFailureCode(error.code) ? error.code : 'run.refused'
  return new Failure(code, error?.message ?? `The run ended as ${status} before it began.`)
}
