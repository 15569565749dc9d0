import { Failure, toFailure } from '@codegen/protocol/failure'
import type { RunEvent, RunFinished } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { Client, ClientEvents } from './client.ts'
import { connectToDaemon } from './connect.ts'
import type { RunView } from './render/run-view.ts'
import type { Terminal } from './render/terminal.ts'

export type FollowOptions = {
  /** Starts or finds the run on a fresh connection; answers its id once its events will come. */
  begin(client: Client, signal: AbortSignal): Promise<string>
  view: RunView
  terminal: Terminal
  /** Answers questions; without it this client only watches. */
  question?: NonNullable<ClientEvents['question']>
  /** Where to stop although the run goes on. */
  until?: (event: RunEvent) => boolean
}

export type Following = {
  /** The run's end; undefined where it was only followed `until`. Fails with what kept the run from being followed. */
  readonly ended: Promise<RunFinished | undefined>
  /** Asks for the run's end; before there is a run, takes the request back. */
  cancel(reason: string): Promise<void>
}

/**
 * Shows a run to its end. A connection that is lost is made again, codegend started if need be, and the run goes on after the last event that
 * was seen.
 */
export function followRun({ begin, view, terminal, question, until }: FollowOptions): Following {
  const finished = Promise.withResolvers<RunFinished | undefined>()
  const beginning = new AbortController()
  let client: Client | undefined
  let generationId: string | undefined
  let lastEventId: string | undefined
  let isOver = false

  function onEvent(event: RunEvent): void {
    if (isOver || (generationId !== undefined && event.generation_id !== generationId)) return
    generationId = event.generation_id
    lastEventId = event.event_id
    view.event(event)
    if (event.event.type === 'run_finished') onFinished(toOutcome(event))
    else if (until?.(event)) end(undefined)
  }

  function onFinished(outcome: RunFinished): void {
    if (isOver) return
    view.finished(outcome)
    end(outcome)
  }

  function end(outcome: RunFinished | undefined): void {
    isOver = true
    terminal.flush()
    finished.resolve(outcome)
  }

  const events: ClientEvents = {
    event: onEvent,
    finished: onFinished,
    settled: () => terminal.flush(),
    ...(question ? { question } : {}),
  }

  function connect(): Promise<Client> {
    const onStart = (): void => terminal.note('starting codegend, which stays in the background')
    return connectToDaemon({ events, onStart })
  }

  async function follow(): Promise<RunFinished | undefined> {
    generationId = await beginRun()
    for (let lost = 0; ; lost += 1) {
      const end = await Promise.race([finished.promise.then(() => undefined), client?.closed])
      if (!end) return finished.promise
      if (end.code === 'internal') throw end
      if (lost >= limits.reconnectsMax)
        throw new Failure('client.closed', `codegend keeps going away. ${howToAttach(generationId)}`)
      terminal.note('the connection to codegend was lost; connecting again')
      await pause(lost * limits.reconnectPauseMs)
      client = await attachAgain(generationId)
    }
  }

  async function beginRun(): Promise<string> {
    try {
      client = await connect()
      return await begin(client, beginning.signal)
    } catch (thrown) {
      view.refused?.(toFailure(thrown))
      throw thrown
    }
  }

  async function attachAgain(runId: string): Promise<Client> {
    try {
      const next = await connect()
      await next.attachRun({ generation_id: runId, ...(lastEventId === undefined ? {} : { after: lastEventId }) })
      return next
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : ''
      throw new Failure('client.closed', `codegend is lost: ${reason} ${howToAttach(runId)}`, { cause })
    }
  }

  async function cancel(reason: string): Promise<void> {
    if (client && generationId !== undefined) return client.cancelRun(generationId, reason)
    beginning.abort()
  }

  return { ended: follow(), cancel }
}

function howToAttach(generationId: string): string {
  return `The run may go on; look with: codegen attach ${generationId}`
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

function toOutcome({ event }: RunEvent): RunFinished {
  // The payload of this event is the message of the same name.
  return event.payload as RunFinished
}
