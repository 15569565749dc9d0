import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer, PeerOptions } from '@codegen/protocol/peer'

/** An initialized connection to a codegend. */
export type DaemonClient = { readonly peer: Peer<DaemonMethods>; close(): void }

export type DaemonClientOptions = {
  readonly kind?: string
  readonly notifications?: PeerOptions['notifications']
  /** The connection is gone, whoever ended it. */
  onGone?(): void
}

/** Connects to the codegend of a CODEGEN_HOME. Returns undefined when none listens there. */
export async function connectToDaemon(
  home: string,
  { kind = 'demo', notifications = {}, onGone }: DaemonClientOptions = {},
): Promise<DaemonClient | undefined> {
  const socket = connect(join(home, 'run', 'codegend.sock'))
  try {
    await once(socket, 'connect')
  } catch {
    return undefined
  }
  const peer = createPeer<DaemonMethods>({
    write: (lines) => socket.write(lines),
    close: () => socket.end(),
    timers: globalThis,
    notifications,
  })
  socket.on('data', (chunk) => peer.receive(chunk))
  const gone = () => {
    peer.close(new Failure('client.closed', 'codegend closed the connection.'))
    onGone?.()
  }
  socket.on('error', gone).on('close', gone)
  await peer.request('initialize', { version: await readVersion(), client: { kind, pid: process.pid } })
  return { peer, close: gone }
}

async function readVersion(): Promise<string> {
  const manifest: unknown = JSON.parse(await readFile(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'))
  const hasVersion = typeof manifest === 'object' && manifest !== null && 'version' in manifest
  return hasVersion ? String(manifest.version) : '0.0.0'
}
