import type { Socket } from 'node:net'
import { Failure } from '@codegen/protocol/failure'
import { createPeer, toNotification } from '@codegen/protocol/peer'
import type { Peer, RpcMethod } from '@codegen/protocol/peer'
import type { RunEvent } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { Log } from '#log'
import type { RunViewer } from './ports.ts'

/** What a client is to the daemon while it is connected. */
export type Client = {
  /** Set by `initialize`; before it nothing else is answered. */
  introduction: Introduction | undefined
  /** Refused for its version: it may still stop this codegend, to start one of its own. */
  mayOnlyStop: boolean
  readonly peer: Peer
  /** Shows runs to this client. */
  readonly viewer: RunViewer
  /** Remembers how to stop showing a run, which is at once where the client is gone. A run is shown once to a client. */
  attach(generationId: string, detach: () => void): void
  detach(generationId: string): void
  isAttached(generationId: string): boolean
  /** Remembers how to stop telling this client of the log; a second time replaces the first. */
  follow(stop: () => void): void
  /** Another codegend takes over: this connection ends all the same, but not before this work. */
  stayFor(work: Promise<unknown>): void
  /** Ends the connection, after what it stays for. */
  letGo(): void
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<void>
}

export type Introduction = { readonly name: string; readonly answersApprovals: boolean }

export type ClientOptions = {
  socket: Socket
  methods(client: Client): Readonly<Record<string, RpcMethod>>
  onAttached(generationId: string): void
  onClosed(): void
  log: Log
}

/** Speaks with one connected client until either side ends it. What the client was shown ends with it; its runs go on. */
export function createClient({ socket, methods, onAttached, onClosed, log }: ClientOptions): Client {
  const attachments = new Map<string, () => void>()
  let closed = false
  const client: Client = {
    introduction: undefined,
    mayOnlyStop: false,
    get peer() {
      return peer
    },
    viewer: {
      event: (event) => peer.send(toEventLine(event)),
      finished(outcome) {
        peer.notify('run/finished', outcome)
        attachments.delete(outcome.generation_id)
      },
    },
    attach(generationId, detach) {
      if (closed) return detach()
      client.detach(generationId)
      attachments.set(generationId, detach)
      onAttached(generationId)
    },
    detach(generationId) {
      attachments.get(generationId)?.()
      attachments.delete(generationId)
    },
    isAttached: (generationId) => attachments.has(generationId),
    follow: (stop) => client.attach(logName, stop),
    ...createStay(() => peer.close(new Failure('client.closed', 'codegend is leaving.'))),
    closed: new Promise((resolve) => socket.once('close', () => resolve())),
  }
  const peer = createPeer({
    write,
    close() {
      closed = true
      for (const detach of attachments.values()) detach()
      attachments.clear()
      socket.destroySoon()
      onClosed()
    },
    timers: { setTimeout, clearTimeout },
    methods: methods(client),
    onFault: (method, thrown) => log.error(`${method} broke`, thrown),
  })

  function write(line: string): void {
    socket.write(line)
    if (socket.writableLength <= limits.clientBufferBytesMax) return
    log.warn('dropped a client that does not read', { client: client.introduction?.name })
    socket.destroy()
    peer.close(new Failure('client.closed', 'The client does not read what it is sent.'))
  }

  socket.on('data', (chunk) => peer.receive(chunk))
  // A reset by the client is its way to leave.
  socket.on('error', () => undefined)
  socket.on('close', () => peer.close(new Failure('client.closed', 'The client has left.')))
  return client
}

function createStay(end: () => void): Pick<Client, 'stayFor' | 'letGo'> {
  const staysFor: Promise<unknown>[] = []
  return {
    stayFor: (work) => void staysFor.push(work),
    letGo() {
      if (staysFor.length === 0) return end()
      Promise.allSettled(staysFor)
        // The answer is written right after the work has ended.
        .then(() => setImmediate(end))
        .catch(end)
    },
  }
}

/** Among the runs a client is shown, what no run is called. */
const logName = '/log'

let lastEvent: RunEvent | undefined
let lastLine = ''

/** The same event usually goes to each of its viewers in turn: its text is made once. */
function toEventLine(event: RunEvent): string {
  if (event !== lastEvent) {
    lastLine = toNotification('run/event', event)
    lastEvent = event
  }
  return lastLine
}
