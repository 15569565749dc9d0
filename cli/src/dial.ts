import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Failure } from '@codegen/protocol/failure'

/** An open connection to codegend. Whoever takes it sets `receive` at once; the bytes are used again when that has returned. */
export type Connection = { readonly socket: Socket; receive(chunk: Uint8Array): void }

/** Opens a connection to a Unix socket; undefined where nobody listens. Fails with server.unreachable where one may not. */
export function dial(path: string): Promise<Connection | undefined> {
  return new Promise((resolve, reject) => {
    // Read into one buffer: a new one for each piece would cost more than all that is done with it.
    const socket = connect({ path, onread: { buffer: Buffer.allocUnsafeSlow(bufferBytes), callback: receive } })
    const connection: Connection = { socket, receive: () => undefined }

    function receive(bytes: number, buffer: Uint8Array): boolean {
      connection.receive(buffer.subarray(0, bytes))
      return true
    }

    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(connection)
    })
    socket.once('error', (error) => {
      const code = 'code' in error ? error.code : undefined
      if (code !== undefined && gone.has(code)) return resolve(undefined)
      reject(
        new Failure('server.unreachable', `codegend cannot be reached on ${path}: ${error.message}.`, { cause: error }),
      )
    })
  })
}

/** ECONNRESET: whoever listened has left before it took us in. */
const gone = new Set<unknown>(['ENOENT', 'ECONNREFUSED', 'ECONNRESET'])
const bufferBytes = 64 * 1024
