import { Failure, toFailure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { closeCodes, readMaestroFrame } from '@codegen/protocol/wire'
import type { ExecutorFrame, Handshake, MaestroFrame, Welcome } from '@codegen/protocol/wire'
import type { RawData, WebSocket } from 'ws'
import { watchHeartbeat } from './heartbeat.ts'
import { sendFrame } from './send.ts'

/** A connection that Maestro welcomed. */
export type Connection = {
  readonly welcome: Welcome
  send(frame: ExecutorFrame): void
  bufferedBytes(): number
  /** Lets the other side finish closing; what is on its way out still leaves. */
  close(code: number): void
}

/** How a connection ended. `epoch`: a newer connection of this executor exists, and this is the epoch to name in order to follow it. */
export type ConnectionEnd = {
  readonly code: number
  readonly failure: Failure
  readonly wasWelcomed: boolean
  readonly epoch?: number
}

export type ConnectionEvents = {
  welcomed(connection: Connection): void
  /** Everything after the welcome, in order. */
  frame(frame: MaestroFrame): void
  /** Handling a frame failed here: a disk that is full, or a mistake of ours. The server was told. */
  broke(error: unknown): void
}

/**
 * Shakes hands on an open socket and serves it until it is closed, by whomever. A frame that is wrong is answered by an `error` and the link stays;
 * without a welcome in time, or with two missed heartbeats, the socket is given up. Never rejects.
 */
export function serveConnection(
  socket: WebSocket,
  { handshake, patienceMs }: { handshake: Handshake; patienceMs: number },
  events: ConnectionEvents,
): Promise<ConnectionEnd> {
  const { promise, resolve } = Promise.withResolvers<ConnectionEnd>()
  let bytesMax: number = protocolLimits.messageBytesMax
  let said: { failure: Failure; epoch?: number } | undefined
  let connection: Connection | undefined
  let stopHeartbeat = (): void => {}

  const send = (frame: ExecutorFrame): void => void sendFrame(socket, frame, bytesMax)
  const givenUp = setTimeout(() => {
    said = { failure: new Failure('server.unreachable', 'Maestro took the connection but did not say welcome.') }
    socket.terminate()
  }, patienceMs)

  function receive(frame: MaestroFrame): void {
    if (frame.type === 'error' && frame.payload.fatal) said = toSaid(frame.payload)
    if (connection) return events.frame(frame)
    if (frame.type !== 'welcome') return
    clearTimeout(givenUp)
    const welcome = frame.payload
    bytesMax = Math.min(bytesMax, welcome.limits.max_message_bytes)
    stopHeartbeat = watchHeartbeat(socket, welcome.heartbeat_ms)
    connection = { welcome, send, bufferedBytes: () => socket.bufferedAmount, close: (code) => socket.close(code) }
    events.welcomed(connection)
  }

  socket.on('message', (data: RawData, isBinary: boolean) => {
    if (isBinary) return socket.close(closeCodes.binary, 'text frames only')
    const frame = readFrame(data, send)
    try {
      if (frame) receive(frame)
    } catch (error) {
      // Nothing a server sends may end this process.
      events.broke(error)
      send(toError(toFailure(error)))
    }
  })
  socket.once('close', (code: number, reason: Buffer) => {
    clearTimeout(givenUp)
    stopHeartbeat()
    const failure = closedFailure(code, reason.toString())
    resolve({ code, failure, wasWelcomed: connection !== undefined, ...said })
  })
  send({ type: 'handshake', payload: handshake })
  return promise
}

/** The frame, or undefined after answering what was wrong with it. */
function readFrame(data: RawData, send: (frame: ExecutorFrame) => void): MaestroFrame | undefined {
  try {
    const frame = readMaestroFrame(toText(data))
    if (!('unknown' in frame)) return frame
    send(toError(new Failure('message.unknown', `This codegend knows no message "${frame.type.slice(0, 100)}".`)))
  } catch (error) {
    send(toError(toFailure(error)))
  }
  return undefined
}

/** A frame's text, in whatever pieces the socket has it. */
export function toText(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString('utf8')
  return Buffer.isBuffer(data) ? data.toString('utf8') : Buffer.from(data).toString('utf8')
}

function toError({ code, message, retryable }: Failure): ExecutorFrame {
  return { type: 'error', payload: { code, message: message.slice(0, 2_000), fatal: false, retryable } }
}

function toSaid({ code, message, epoch }: { code: string; message: string; epoch?: number }): {
  failure: Failure
  epoch?: number
} {
  const known =
    code === 'server.forbidden' || code === 'client.version' || code === 'executor.superseded'
      ? code
      : 'server.unreachable'
  return { failure: new Failure(known, message), ...(epoch === undefined ? {} : { epoch }) }
}

function closedFailure(code: number, reason: string): Failure {
  const because = reason ? `${code}: ${reason}` : String(code)
  if (code === closeCodes.unauthenticated)
    return new Failure('server.unauthenticated', `Maestro refused the token (${because}).`)
  if (code === closeCodes.forbidden)
    return new Failure('server.forbidden', `Maestro does not let this machine in (${because}).`)
  if (code === closeCodes.version) return new Failure('client.version', `Maestro speaks another version (${because}).`)
  return new Failure('server.unreachable', `The link to Maestro was closed (${because}).`)
}
