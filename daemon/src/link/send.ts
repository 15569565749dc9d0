import type { IncomingMessage } from 'node:http'
import type { RequestOptions } from 'node:https'
import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { ExecutorFrame } from '@codegen/protocol/wire'
import { WebSocket } from 'ws'
import { limits } from '#limits'
import { fitFrame } from './fit-frame.ts'
import type { Target } from './target.ts'

// The only place from which bytes leave for Maestro: the dial, the frames, the HTTP requests. The token goes into a header of the dial and of the
// requests and nowhere else.

export type Access = {
  readonly target: Target
  readonly token: string | undefined
  /** How long a dial waits for its answer; limits.dialMsMax when left out. */
  readonly patienceMs?: number
}

/** Begins to dial. Frames above the limit close the socket with 1009; nothing is compressed. */
export function dialSocket({ target, token, patienceMs = limits.dialMsMax }: Access): WebSocket {
  return new WebSocket(target.socketUrl, {
    headers: authorization(token),
    perMessageDeflate: false,
    maxPayload: protocolLimits.messageBytesMax,
    handshakeTimeout: patienceMs,
    followRedirects: false,
    // Said in so many words: no variable of the environment turns it off.
    rejectUnauthorized: true,
  })
}

/** Writes one frame, made to fit into `bytesMax`. What cannot be made to fit, and what comes after the close, is not sent. */
export function sendFrame(socket: WebSocket, frame: ExecutorFrame, bytesMax: number): boolean {
  if (socket.readyState !== WebSocket.OPEN) return false
  const text = fitFrame(frame, bytesMax)
  if (text === undefined) return false
  socket.send(text)
  return true
}

/**
 * Asks Maestro's HTTP interface. Fails with server.unreachable, server.unauthenticated, server.forbidden, run.unknown (404) or message.invalid
 * (not JSON, or more than limits.httpBodyBytesMax).
 */
export async function getJson({ target, token }: Access, path: string, signal: AbortSignal): Promise<unknown> {
  const { http } = target
  const options: RequestOptions = {
    path: `${http.base}${path}`,
    headers: { ...authorization(token), accept: 'application/json' },
    rejectUnauthorized: true,
    signal: AbortSignal.any([signal, AbortSignal.timeout(limits.httpMsMax)]),
    ...('socketPath' in http ? { socketPath: http.socketPath } : { host: http.host, port: http.port }),
  }
  const response = await request('secure' in http && http.secure, options).catch((error: unknown) => {
    throw new Failure('server.unreachable', `Maestro at ${target.shown} does not answer.`, { cause: error })
  })
  const body = await readBody(response, target)
  refuseStatus(response.statusCode ?? 0, target)
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new Failure('message.invalid', `Maestro at ${target.shown} answered something that is not JSON.`, { cause })
  }
}

function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

async function request(secure: boolean, options: RequestOptions): Promise<IncomingMessage> {
  const { get } = secure ? await import('node:https') : await import('node:http')
  return new Promise((resolve, reject) => {
    get(options, resolve).on('error', reject)
  })
}

async function readBody(response: IncomingMessage, target: Target): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of response) {
      const piece: unknown = chunk
      if (!Buffer.isBuffer(piece)) continue
      bytes += piece.byteLength
      if (bytes > limits.httpBodyBytesMax) break
      chunks.push(piece)
    }
  } catch (cause) {
    throw new Failure('server.unreachable', `Maestro at ${target.shown} broke off its answer.`, { cause })
  }
  if (bytes <= limits.httpBodyBytesMax) return Buffer.concat(chunks).toString('utf8')
  throw new Failure(
    'message.invalid',
    `Maestro at ${target.shown} answered more than ${limits.httpBodyBytesMax} bytes.`,
  )
}

function refuseStatus(status: number, target: Target): void {
  if (status === 200) return
  if (status === 401) throw new Failure('server.unauthenticated', refusedTokenMessage(target))
  if (status === 403)
    throw new Failure('server.forbidden', `Maestro at ${target.shown} does not allow this token to do that.`)
  if (status === 404) throw new Failure('run.unknown', 'Maestro knows no such run of this machine.')
  throw new Failure('server.unreachable', `Maestro at ${target.shown} answered ${status}.`)
}

/** The one sentence for a token that was refused. */
export function refusedTokenMessage(target: Target): string {
  return `Maestro at ${target.shown} refused the token. Set CODEGEN_TOKEN to one of its tokens and start codegend again.`
}
