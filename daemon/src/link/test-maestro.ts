import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { protocolHeader, readExecutorFrame } from '@codegen/protocol/wire'
import type { ExecutorFrame, Handshake, MaestroFrame, Welcome } from '@codegen/protocol/wire'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import type { WebSocket } from 'ws'

/** A server on a real socket that speaks the wire and decides nothing: the test says what it says. */
export type TestMaestro = {
  readonly url: string
  /** What was sent as Authorization with each dial. */
  readonly authorizations: readonly (string | undefined)[]
  /** The next connection that has sent its handshake, oldest first. */
  next(): Promise<TestExecutor>
  /** From now on dials are refused with this HTTP status; undefined: they are taken. */
  refuse(status: number | undefined): void
  /** Answers of the HTTP interface by path. */
  readonly answers: Map<string, unknown>
}

/** One connection, as the server has it. */
export type TestExecutor = {
  readonly handshake: Handshake
  readonly socket: WebSocket
  welcome(changes?: Partial<Welcome>): void
  send(frame: MaestroFrame): void
  sendText(text: string): void
  /** The next frame of this type that was not asked for yet; waits for it. */
  receive<Type extends ExecutorFrame['type']>(type: Type): Promise<FrameOf<Type>>
  /** Every frame there was, in order. */
  readonly frames: readonly ExecutorFrame[]
  readonly closed: Promise<number>
}

type FrameOf<Type> = Extract<ExecutorFrame, { type: Type }>

export type TestMaestroOptions = { level?: 0 | 1; socketPath?: string }

/** Listens on loopback, or on `socketPath`; gone with the test. */
export async function startTestMaestro(
  t: Test,
  { level = 1, socketPath }: TestMaestroOptions = {},
): Promise<TestMaestro> {
  const server = createServer()
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false })
  const arrived = createQueue<TestExecutor>()
  const authorizations: (string | undefined)[] = []
  const answers = new Map<string, unknown>()
  let refusal: number | undefined
  /** Runs it has said to have started, and not ended. */
  const runs = new Map<string, Welcome['runs'][number]>()

  if (level === 1) sockets.on('headers', (headers) => headers.push(`${protocolHeader}: 1`))
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    authorizations.push(request.headers.authorization)
    if (refusal !== undefined)
      return stream.end(`HTTP/1.1 ${refusal} No\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    sockets.handleUpgrade(request, stream, head, (socket) => accept(socket, runs, arrived.add))
  })
  server.on('request', (request, response) => {
    authorizations.push(request.headers.authorization)
    const answer = answers.get(request.url ?? '')
    response.statusCode = answer === undefined ? 404 : 200
    response.end(JSON.stringify(answer ?? {}))
  })
  server.listen(socketPath ?? { port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  return {
    url: urlOf(server.address()),
    authorizations,
    next: () => arrived.next(() => true),
    refuse(status) {
      refusal = status
    },
    answers,
  }
}

function urlOf(address: ReturnType<ReturnType<typeof createServer>['address']>): string {
  if (typeof address === 'string') return `ws+unix:${address}:/v1/executor`
  return `ws://127.0.0.1:${address?.port}/v1/executor`
}

function accept(
  socket: WebSocket,
  runs: Map<string, Welcome['runs'][number]>,
  shaken: (executor: TestExecutor) => void,
): void {
  const frames: ExecutorFrame[] = []
  const queue = createQueue<ExecutorFrame>()
  const { promise: closed, resolve } = Promise.withResolvers<number>()
  socket.on('close', resolve)
  socket.on('message', (data: Buffer) => {
    const frame = readExecutorFrame(data.toString())
    if ('unknown' in frame) throw new Error(`codegend sent an unknown message ${frame.type}`)
    frames.push(frame)
    if (frame.type === 'handshake') shaken(toExecutor(frame.payload))
    else queue.add(frame)
  })

  function toExecutor(handshake: Handshake): TestExecutor {
    const send = (frame: MaestroFrame): void => {
      if (frame.type === 'run_started') {
        const { generation_id, session_id } = frame.payload
        runs.set(generation_id, { generation_id, session_id, status: 'running' })
      } else if (frame.type === 'run_finished') runs.delete(frame.payload.generation_id)
      socket.send(JSON.stringify(frame))
    }
    return {
      handshake,
      socket,
      welcome: (changes = {}) =>
        send({ type: 'welcome', payload: { ...usualWelcome(handshake), runs: [...runs.values()], ...changes } }),
      send,
      sendText: (text) => socket.send(text),
      receive: <Type extends ExecutorFrame['type']>(type: Type) =>
        queue.next((frame): frame is FrameOf<Type> => frame.type === type),
      frames,
      closed,
    }
  }
}

function usualWelcome({ executor }: Handshake): Omit<Welcome, 'runs'> {
  return {
    protocol: 1,
    executor_id: executor?.id ?? '',
    epoch: (executor?.epoch ?? 0) + 1,
    server: { name: 'test-maestro', version: '0.0.0' },
    heartbeat_ms: 15_000,
    limits: { max_message_bytes: 8 * 1024 * 1024 },
  }
}

type Queue<Item> = {
  add(item: Item): void
  next<Wanted extends Item>(isWanted: (item: Item) => item is Wanted): Promise<Wanted>
  next(isWanted: (item: Item) => boolean): Promise<Item>
}

function createQueue<Item>(): Queue<Item> {
  const items: Item[] = []
  const waiting = new Set<() => boolean>()
  return {
    add(item) {
      items.push(item)
      for (const tryAgain of waiting) if (tryAgain()) waiting.delete(tryAgain)
    },
    next<Wanted extends Item>(isWanted: (item: Item) => item is Wanted) {
      return new Promise<Wanted>((resolve) => {
        const take = (): boolean => {
          const found = items.find(isWanted)
          if (found === undefined) return false
          items.splice(items.indexOf(found), 1)
          resolve(found)
          return true
        }
        if (!take()) waiting.add(take)
      })
    },
  }
}
