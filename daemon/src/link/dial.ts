import type { IncomingMessage } from 'node:http'
import { Failure } from '@codegen/protocol/failure'
import { protocolHeader, protocolVersion } from '@codegen/protocol/wire'
import type { WebSocket } from 'ws'
import { dialSocket, refusedTokenMessage } from './send.ts'
import type { Access } from './send.ts'

/** A socket that is open, and what the server said it speaks. */
export type Dialled = { readonly socket: WebSocket; readonly level: 0 | 1 }

/**
 * Dials Maestro once. Fails with server.unreachable, server.unauthenticated, server.forbidden or client.version; aborting `signal` gives up.
 */
export function dial(access: Access, signal: AbortSignal): Promise<Dialled> {
  signal.throwIfAborted()
  const socket = dialSocket(access)
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>()
  let level: 0 | 1 | Failure = 0
  const giveUp = (): void => {
    reject(new Failure('client.cancelled', 'The dial was given up.'))
    socket.terminate()
  }
  signal.addEventListener('abort', giveUp, { once: true })
  socket.once('upgrade', (response: IncomingMessage) => {
    level = toLevel(response.headers[protocolHeader], access)
  })
  socket.once('unexpected-response', (_request, response: IncomingMessage) => {
    reject(toRefusal(response, access))
    response.resume()
    socket.terminate()
  })
  socket.once('open', () => {
    signal.removeEventListener('abort', giveUp)
    if (level instanceof Failure) {
      reject(level)
      return socket.terminate()
    }
    resolve({ socket, level })
  })
  // Stays for as long as the socket: an error without a listener would end the process; its close follows.
  socket.on('error', (error) => {
    signal.removeEventListener('abort', giveUp)
    reject(
      new Failure('server.unreachable', `Maestro at ${access.target.shown} cannot be reached (${reasonOf(error)}).`, {
        cause: error,
      }),
    )
  })
  return promise
}

function toLevel(header: string | string[] | undefined, { target }: Access): 0 | 1 | Failure {
  if (header === undefined) return 0
  if (Number(header) === protocolVersion) return 1
  const message = `Maestro at ${target.shown} speaks protocol ${String(header).slice(0, 20)}, this codegend ${protocolVersion}; update the older of the two.`
  return new Failure('client.version', message)
}

function toRefusal({ statusCode }: IncomingMessage, { target }: Access): Failure {
  if (statusCode === 401) return new Failure('server.unauthenticated', refusedTokenMessage(target))
  if (statusCode === 403)
    return new Failure('server.forbidden', `Maestro at ${target.shown} does not let this machine in.`)
  return new Failure(
    'server.unreachable',
    `Maestro at ${target.shown} answered ${statusCode} instead of opening a WebSocket.`,
  )
}

function reasonOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
