import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods, Notifications } from '@codegen/protocol/local'
import type { Peer } from '@codegen/protocol/peer'
import { connectToDaemon } from '#demo/daemon-client'
import { createEventOrder } from './event-order.ts'
import type { Viewer } from './viewers.ts'

/** A client of one codegend that comes back whenever that is gone, as a person's terminal does. */
export type DaemonClient = {
  /** Resolves when the run is accepted, and watches it; asked again with the same key until it is. */
  start(parameters: DaemonMethods['run/start']['parameters']): Promise<Viewer>
  stop(): void
}

export function createDaemonClient(home: string, signal: AbortSignal): DaemonClient {
  const watched = new Map<string, { viewer: Viewer; ended: () => void }>()
  let peer: Peer<DaemonMethods> | undefined
  let connecting: Promise<Peer<DaemonMethods>> | undefined

  const take = ({ generation_id, event_id, event }: Notifications['run/event']): void => {
    const found = watched.get(generation_id) ?? watch(generation_id)
    found.viewer.order.take({ id: event_id, type: event.type, text: JSON.stringify(event) })
    if (found.viewer.order.isEnded()) found.ended()
  }

  function watch(generationId: string): { viewer: Viewer; ended: () => void } {
    const known = watched.get(generationId)
    if (known) return known
    const { promise: done, resolve: ended } = Promise.withResolvers<void>()
    const viewer: Viewer = { generationId, kind: 'local', order: createEventOrder(), reads: 1, done }
    signal.addEventListener('abort', () => ended(), { once: true })
    watched.set(generationId, { viewer, ended })
    return { viewer, ended }
  }

  async function open(): Promise<Peer<DaemonMethods>> {
    for (;;) {
      signal.throwIfAborted()
      const opened = await openOnce().catch(() => undefined)
      if (opened) return opened
      await delay(50)
    }
  }

  async function openOnce(): Promise<Peer<DaemonMethods> | undefined> {
    const mine: { peer?: Peer<DaemonMethods> | undefined } = {}
    const opened = await connectToDaemon(home, {
      kind: 'chaos',
      notifications: { 'run/event': (parameters) => take(parameters as Notifications['run/event']) },
      onGone() {
        if (!mine.peer || peer !== mine.peer) return
        peer = undefined
        if (!signal.aborted && watched.size > 0) attachAgain().catch(() => undefined)
      },
    })
    mine.peer = opened?.peer
    peer = mine.peer
    return peer
  }

  function connected(): Promise<Peer<DaemonMethods>> {
    if (peer) return Promise.resolve(peer)
    connecting ??= open().finally(() => (connecting = undefined))
    return connecting
  }

  async function attachAgain(): Promise<void> {
    for (const [generationId, { viewer }] of watched) if (!viewer.order.isEnded()) await attach(generationId, viewer)
  }

  const attaching = new Set<string>()
  /** The connection that is attached to a run; a second attachment would show everything twice. */
  const attached = new Map<string, Peer<DaemonMethods>>()
  async function attach(generationId: string, viewer: Viewer): Promise<void> {
    if (attaching.has(generationId) || (peer && attached.get(generationId) === peer)) return
    attaching.add(generationId)
    await attachOnce(generationId, viewer).finally(() => attaching.delete(generationId))
  }

  async function attachOnce(generationId: string, viewer: Viewer): Promise<void> {
    while (!signal.aborted && !viewer.order.isEnded()) {
      viewer.reads += 1
      const after = viewer.order.last()
      try {
        const there = await connected()
        await there.request('run/attach', { generation_id: generationId, ...(after ? { after } : {}) })
        attached.set(generationId, there)
        return
      } catch {
        await delay(100)
      }
    }
  }

  return {
    async start(parameters) {
      for (;;) {
        signal.throwIfAborted()
        try {
          const there = await connected()
          const { generation_id } = await there.request('run/start', parameters)
          const { viewer } = watch(generation_id)
          attached.set(generation_id, there)
          // Whoever asked is attached; where that connection is gone already, nobody has heard of it.
          if (peer !== there) attach(generation_id, viewer).catch(() => undefined)
          return viewer
        } catch (thrown) {
          // Whatever it was, the same key asked again is the same run.
          if (thrown instanceof Failure && thrown.code === 'request.invalid') throw thrown
          await delay(100)
        }
      }
    },
    stop() {
      peer?.close(new Failure('client.closed', 'The client leaves.'))
    },
  }
}
