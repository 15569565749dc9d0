import { Failure, toFailure } from '@codegen/protocol/failure'
import type { RunEvent, RunFinished } from '@codegen/protocol/wire'
import { askAgain, isLost, pause } from './ask-again.ts'
import type { Client, ClientEvents } from './client.ts'
import { newClientRef } from './client-ref.ts'
import { connectToDaemon } from './connect.ts'
import { limits } from './limits.ts'
import { isRunFinished } from './parse-news.ts'
import type { RunView } from '#render/run-view'
import type { Questions } from '#approvals/questions'
import type { Terminal } from '#render/terminal'

export type FollowOptions = {
  /** Starts or finds the run on a fresh connection; answers its id once its events will come. Asked again it means the same run. */
  begin(client: Client, signal: AbortSignal): Promise<string>
  view: RunView
  terminal: Terminal
  /** Answers questions; without it this client only watches. */
  questions?: Pick<Questions, 'ask' | 'resolved'>
  /** Where to stop although the run goes on. */
  until?: (event: RunEvent) => boolean
}

export type Following = {
  /** The run's end; undefined where it was only followed `until`. Fails with what kept the run from being followed. */
  readonly ended: Promise<RunFinished | undefined>
  /** Asks for the run's end; before there is a run, takes the request back. */
  cancel(reason: string): Promise<void>
  /** Says something to the run, which reads it before its next step; waits until there is a run. Fails with run.finished where it is too late. */
  say(content: string): Promise<void>
  /** Sees no more of it; the run goes on. */
  close(): void
}

/**
 * Shows a run to its end. A connection that is lost is made again, codegend started if need be, and the run goes on after the last event that
 * was seen.
 */
export function followRun(options: FollowOptions): Following {
  const { view, terminal, questions } = options
  const shown = showRun(options)
  const beginning = new AbortController()
  const begun = Promise.withResolvers<void>()
  let isClosed = false
  let client: Client | undefined
  const isOpen = (): boolean => !isClosed
  const connect = connectTo(terminal, { ...shown.events, ...toAnswering(questions) })

  async function beginOnce(): Promise<Client> {
    const first = (client = await connect())
    await beginOn(first, { ...options, ...shown, signal: beginning.signal })
    return first
  }

  async function beginRun(): Promise<Client> {
    try {
      const first = await askAgain(beginOnce, () => !isClosed && !beginning.signal.aborted)
      begun.resolve()
      return first
    } catch (thrown) {
      begun.reject(thrown)
      view.refused?.(toFailure(thrown))
      throw thrown
    }
  }

  async function follow(): Promise<RunFinished | undefined> {
    let connected = await beginRun()
    for (let losses = 1; ; losses += 1) {
      const failure = await Promise.race([shown.ended.then(() => undefined), connected.closed])
      if (!failure) return shown.ended
      if (failure.code === 'internal' || isClosed) throw failure
      if (losses > limits.reconnectsMax) throw toLost(failure, shown.place)
      await tellLoss(terminal, losses)
      client = connected = await attachAgain(connect, { ...shown, isOpen })
    }
  }

  async function cancel(reason: string): Promise<void> {
    const { generationId } = shown.place
    if (generationId) await askAgain(async () => client?.cancelRun(generationId, reason), isOpen)
    else beginning.abort()
  }

  async function say(content: string): Promise<void> {
    await begun.promise
    const { generationId } = shown.place
    const input = { generation_id: generationId, content, mode: 'steer' as const, client_ref: newClientRef() }
    await askAgain(async () => client?.inputRun(input), isOpen)
  }

  const close = (): void => {
    isClosed = true
    client?.close()
  }
  begun.promise.catch(() => undefined)
  return { ended: follow().finally(() => view.close?.()), cancel, say, close }
}

function connectTo(terminal: Terminal, events: ClientEvents): Connect {
  const onStart = (): void => terminal.note('starting codegend, which stays in the background')
  return () => connectToDaemon({ events, onStart })
}

type Beginning = Pick<FollowOptions, 'begin'> & { readonly place: Place; readonly signal: AbortSignal }

async function beginOn(client: Client, { begin, place, signal }: Beginning): Promise<void> {
  try {
    place.generationId = await begin(client, signal)
  } catch (thrown) {
    client.close()
    // Events that came before a lost answer say that the run has begun.
    if (!isLost(thrown) || place.lastEventId === undefined) throw thrown
  }
}

function tellLoss(terminal: Terminal, losses: number): Promise<void> {
  terminal.note('the connection to codegend was lost; connecting again')
  return pause(Math.max(limits.reconnectSoonMs, (losses - 1) * limits.reconnectPauseMs))
}

type Connect = () => Promise<Client>

function attachAgain(connect: Connect, { place, isOpen }: { place: Place; isOpen(): boolean }): Promise<Client> {
  return askAgain(() => attachOnce(connect, place), isOpen).catch((cause: unknown) => {
    throw toLost(cause, place)
  })
}

async function attachOnce(connect: Connect, { generationId, lastEventId }: Place): Promise<Client> {
  const client = await connect()
  try {
    const after = lastEventId === undefined ? {} : { after: lastEventId }
    await client.attachRun({ generation_id: generationId, ...after })
    return client
  } catch (thrown) {
    client.close()
    throw thrown
  }
}

function toAnswering(questions: FollowOptions['questions']): ClientEvents {
  return questions ? { question: questions.ask, questionResolved: questions.resolved } : {}
}

/** Which run it is, empty before it is known, and how far it was seen. */
type Place = { generationId: string; lastEventId: string | undefined }

/** Hands what the daemon tells of the one run to its view, to the end and not beyond. */
function showRun({ view, terminal, until }: FollowOptions): {
  place: Place
  events: ClientEvents
  ended: Promise<RunFinished | undefined>
} {
  const ended = Promise.withResolvers<RunFinished | undefined>()
  const place: Place = { generationId: '', lastEventId: undefined }
  let isOver = false

  function finished(outcome: RunFinished): void {
    if (isOver) return
    view.finished(outcome)
    end(outcome)
  }

  function end(outcome: RunFinished | undefined): void {
    isOver = true
    terminal.flush()
    ended.resolve(outcome)
  }

  function event(next: RunEvent): void {
    // The first events may come before the answer that names the run.
    place.generationId ||= next.generation_id
    if (isOver || next.generation_id !== place.generationId) return
    place.lastEventId = next.event_id
    view.event(next)
    const { type, payload } = next.event
    if (type === 'run_finished' && isRunFinished(payload)) finished(payload)
    else if (until?.(next)) end(undefined)
  }

  return { place, events: { event, finished, settled: terminal.flush }, ended: ended.promise }
}

function toLost(cause: unknown, { generationId }: Place): Failure {
  const reason = cause instanceof Error ? cause.message : ''
  return new Failure('client.closed', `${reason} The run may go on; look with: codegen attach ${generationId}`, {
    cause,
  })
}
