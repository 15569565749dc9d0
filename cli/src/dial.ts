import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { Failure } from '@codegen/protocol/failure'

/** Opens a connection to a Unix socket; undefined where nobody listens. Fails with server.unreachable where one may not. */
export function dial(path: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.removeAllListeners('error')
      resolve(socket)
    })
    socket.once('error', (error) => {
      const code = 'code' in error ? error.code : undefined
      if (code === 'ENOENT' || code === 'ECONNREFUSED') return resolve(undefined)
      reject(
        new Failure('server.unreachable', `codegend cannot be reached on ${path}: ${error.message}.`, { cause: error }),
      )
    })
  })
}
