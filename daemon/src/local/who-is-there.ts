import { connect } from 'node:net'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import { limits } from '#limits'

/** Who listens on a socket: a codegend, nobody any more, nothing, or something that does not answer as codegend does. */
export type WhoIsThere =
  | { kind: 'codegend'; pid: number }
  | { kind: 'nobody' }
  | { kind: 'nothing' }
  | { kind: 'stranger'; reason: string }

/** Connects to a socket and asks. Bounded; never fails. */
export function askWhoIsThere(path: string, version: string): Promise<WhoIsThere> {
  return new Promise((resolve) => {
    const socket = connect(path)
    const peer = createPeer<DaemonMethods>({
      write: (line) => socket.write(line),
      close: () => socket.destroy(),
      timers: { setTimeout, clearTimeout },
    })
    socket.on('data', (chunk) => peer.receive(chunk))
    socket.on('error', (error) => resolve(toAbsence(error)))
    socket.on('close', () => peer.close(new Failure('client.closed', 'it closed the connection')))
    peer
      .request(
        'initialize',
        { version, client: { kind: 'codegend', pid: process.pid } },
        { timeoutMs: limits.whoIsFirstMs },
      )
      .then(
        ({ pid }) => resolve({ kind: 'codegend', pid }),
        (failure: Error) => resolve({ kind: 'stranger', reason: failure.message }),
      )
      .finally(() => socket.destroy())
  })
}

function toAbsence(error: Error): WhoIsThere {
  const code = 'code' in error ? error.code : undefined
  if (code === 'ECONNREFUSED') return { kind: 'nobody' }
  if (code === 'ENOENT') return { kind: 'nothing' }
  return { kind: 'stranger', reason: error.message }
}
