import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { Failure } from '@codegen/protocol/failure'
import type { ApprovalQuestion, ClientMethods, DaemonMethods } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer } from '@codegen/protocol/peer'

/** A codegend for the CLI's tests: the real peer on a real socket; what it answers is the test's. */
export type FakeDaemon = {
  readonly asked: Asked[]
  /** Resolves with the first request of that method, from the beginning on. */
  request(method: string): Promise<Asked>
  connections(): number
  close(): Promise<void>
}

export type Asked = { method: string; parameters: Record<string, unknown>; signal: AbortSignal; run: FakeRun }

/** The connection a request came on, as the daemon uses it. */
export type FakeRun = {
  /** Sends an event of run g-1; positions are counted, or given. */
  emit(type: string, payload?: Record<string, unknown>, eventId?: string): void
  finish(status: string, more?: Record<string, unknown>): void
  ask(question: ApprovalQuestion, signal?: AbortSignal): Promise<string>
  drop(): void
}

export type FakeAnswers = { [Name in keyof DaemonMethods]?: (asked: Asked) => unknown }

export async function startFakeDaemon(socketPath: string, answers: FakeAnswers = {}): Promise<FakeDaemon> {
  const asked: Asked[] = []
  const sockets = new Set<Socket>()
  const waiting: { method: string; resolve(found: Asked): void }[] = []
  let position = 0

  function record(request: Asked): void {
    asked.push(request)
    for (const waiter of waiting) if (waiter.method === request.method) waiter.resolve(request)
  }

  function toRun(peer: Peer<ClientMethods>): FakeRun {
    return {
      emit(type, payload = {}, eventId = `${(position += 1)}-0`) {
        const event = { type, payload: { generation_id: 'g-1', ...payload } }
        peer.notify('run/event', { generation_id: 'g-1', event_id: eventId, event })
      },
      finish(status, more = {}) {
        const usage = { turns: 3, input_tokens: 12_345, output_tokens: 67, cached_tokens: 0 }
        this.emit('run_finished', { status, usage, ...more })
      },
      async ask(question, signal) {
        const options = { timeoutMs: Infinity, ...(signal ? { signal } : {}) }
        return (await peer.request('approval/request', question, options)).option_id
      },
      drop: () => peer.close(new Failure('client.closed', 'dropped')),
    }
  }

  function welcome(socket: Socket): void {
    sockets.add(socket)
    const answering = { ...defaults, ...answers }
    const methods = Object.entries(answering).map(([method, answer]) => [
      method,
      (parameters: unknown, { signal }: { signal: AbortSignal }) => {
        const request = { method, parameters: toRecord(parameters), signal, run }
        record(request)
        return answer(request)
      },
    ])
    const peer: Peer<ClientMethods> = createPeer<ClientMethods>({
      write: (line) => void socket.write(line),
      close: () => socket.destroySoon(),
      timers: { setTimeout, clearTimeout },
      methods: Object.fromEntries(methods),
    })
    const run = toRun(peer)
    socket.on('data', (chunk) => peer.receive(chunk))
    socket.on('error', () => undefined)
    socket.on('close', () => {
      sockets.delete(socket)
      peer.close(new Failure('client.closed', 'The CLI has left.'))
    })
  }

  const server = createServer(welcome)
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  return {
    asked,
    connections: () => sockets.size,
    request: (method) =>
      new Promise((resolve) => {
        const found = asked.find((request) => request.method === method)
        if (found) resolve(found)
        else waiting.push({ method, resolve })
      }),
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}

const defaults: FakeAnswers = {
  initialize: () => ({ version: '0.1.0', pid: process.pid }),
  'run/start': () => ({ generation_id: 'g-1', session_id: 's-1' }),
  'run/attach': ({ parameters }) => ({ generation_id: parameters['generation_id'] }),
  'run/cancel': () => ({}),
}

function toRecord(parameters: unknown): Record<string, unknown> {
  return typeof parameters === 'object' && parameters !== null ? { ...parameters } : {}
}
