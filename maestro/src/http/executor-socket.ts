import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { Failure, failures, toFailure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { closeCodes, protocolHeader, protocolVersion } from '@codegen/protocol/wire'
import { WebSocketServer } from 'ws'
import type { RawData, WebSocket } from 'ws'
import type { ExecutorCommunicator } from '#executors/executor-communicator'
import type { Principal } from '#executors/ports'
import { limits } from '#limits'
import { createAllowance } from './allowance.ts'
import type { Door } from './door.ts'
import type { Visitor } from './visitor.ts'

const path = '/v1/executor'

/**
 * Takes executors' WebSockets on an HTTP server: bytes to frames, and no further. Who may not come in is told so with an HTTP status before
 * any WebSocket exists: no or a wrong token 401, any Origin 403, a query string (where tokens get lost) 400.
 */
export function serveExecutors(server: Server, ports: { door: Door; communicator: ExecutorCommunicator }): () => void {
  const sockets = new WebSocketServer({
    noServer: true,
    maxPayload: protocolLimits.messageBytesMax,
    perMessageDeflate: false,
    clientTracking: true,
    // Pings are counted before they are answered.
    autoPong: false,
    maxFragments: limits.socket.fragmentsMax,
  })
  sockets.on('headers', (headers) => headers.push(`${protocolHeader}: ${protocolVersion}`))
  const alive = new WeakMap<WebSocket, number>()
  const heartbeat = setInterval(() => beat(sockets.clients, alive), protocolLimits.heartbeatMs)
  heartbeat.unref()

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    socket.on('error', () => socket.destroy())
    try {
      const visitor = admit(request, ports.door)
      if (ports.communicator.isDraining())
        throw new Failure('server.full', 'This Maestro is stopping; dial another one.', { retryAfterMs: 1_000 })
      let webSocket: WebSocket | undefined
      const close = (): void => webSocket?.close(closeCodes.unauthenticated, 'the token opens no more')
      const leave = ports.door.seat(visitor, { kind: 'executor', close })
      socket.once('close', leave)
      sockets.handleUpgrade(request, socket, head, (opened) => {
        webSocket = opened
        alive.set(opened, 0)
        opened.on('pong', () => alive.set(opened, 0))
        serve(opened, visitor.principal, ports.communicator)
      })
    } catch (thrown) {
      refuse(socket, toFailure(thrown))
    }
  })
  return () => {
    clearInterval(heartbeat)
    for (const socket of sockets.clients) socket.terminate()
    sockets.close()
  }
}

function admit(request: IncomingMessage, door: Door): Visitor {
  door.knock(request)
  const url = request.url ?? ''
  if (url.startsWith(`${path}?`))
    throw new Failure('request.invalid', 'The address takes no query; send the token in the Authorization header.')
  if (url !== path) throw new Failure('method.unknown', `There is no WebSocket here; executors connect to ${path}.`)
  // A browser sends Origin and cannot help it: no page may drive an executor's connection.
  if (request.headers.origin !== undefined)
    throw new Failure('server.forbidden', 'Connections with an Origin are refused.')
  return door.admit(request)
}

function refuse(socket: Duplex, failure: Failure): void {
  const body = JSON.stringify({ error: { code: failure.code, message: failure.message } })
  const status = failures[failure.code].http
  const head = [
    `HTTP/1.1 ${status} Refused`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    ...(failure.retryAfterMs === undefined ? [] : [`Retry-After: ${Math.ceil(failure.retryAfterMs / 1_000)}`]),
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}

function serve(webSocket: WebSocket, principal: Principal, communicator: ExecutorCommunicator): void {
  const channel = {
    send(frame: string): void {
      if (webSocket.readyState !== webSocket.OPEN) return
      if (webSocket.bufferedAmount > limits.unreadBytesMax) webSocket.terminate()
      else webSocket.send(frame)
    },
    close(code: number, reason: string): void {
      // A close frame holds 123 bytes of reason.
      webSocket.close(code, Buffer.from(reason).subarray(0, 120).toString('utf8').replaceAll('\uFFFD', ''))
    },
  }
  const connection = communicator.connect(channel, principal)
  const late = setTimeout(
    () => connection.close(closeCodes.badHandshake, 'no handshake came in time'),
    protocolLimits.handshakeMsMax,
  )
  const flood = watchFlood(() => connection.close(closeCodes.rate, 'too much at once'))
  webSocket.on('ping', (bytes: Buffer) => {
    if (!flood.isPing() && webSocket.readyState === webSocket.OPEN) webSocket.pong(bytes)
  })
  webSocket.on('message', (bytes: RawData, isBinary: boolean) => {
    clearTimeout(late)
    if (flood.isFrame()) return
    if (isBinary) return connection.close(closeCodes.binary, 'frames are text')
    connection.receive(toText(bytes))
  })
  // `ws` closes by itself after an error (too big, not UTF-8), with the code for it.
  webSocket.on('error', () => undefined)
  webSocket.on('close', () => {
    clearTimeout(late)
    connection.closed()
  })
}

/** Says whether a socket sends more than anybody does who means well; it is closed then. */
function watchFlood(close: () => void): { isFrame(): boolean; isPing(): boolean } {
  const now = (): number => performance.now()
  const frames = createAllowance({ ...limits.socket.frames, keysMax: 1, now })
  const pings = createAllowance({ ...limits.socket.pings, keysMax: 1, now })
  const judge = (waitMs: number): boolean => {
    if (waitMs > 0) close()
    return waitMs > 0
  }
  return { isFrame: () => judge(frames.take('')), isPing: () => judge(pings.take('')) }
}

function toText(bytes: RawData): string {
  if (Buffer.isBuffer(bytes)) return bytes.toString('utf8')
  return Array.isArray(bytes) ? Buffer.concat(bytes).toString('utf8') : Buffer.from(bytes).toString('utf8')
}

function beat(clients: Iterable<WebSocket>, alive: WeakMap<WebSocket, number>): void {
  for (const client of clients) {
    const missed = alive.get(client) ?? 0
    if (missed >= protocolLimits.heartbeatMissesMax) {
      client.terminate()
      continue
    }
    alive.set(client, missed + 1)
    client.ping()
  }
}
