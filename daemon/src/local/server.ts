import { createServer } from 'node:net'
import type { Socket } from 'node:net'
import { dirname } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { checkSocketPath } from '@codegen/protocol/socket-path'
import { limits } from '#limits'
import type { Log } from '#log'
import { askClient } from './ask-client.ts'
import { claimSocket, identify, isSameFile } from './claim-socket.ts'
import { createClient } from './client.ts'
import type { Client } from './client.ts'
import { methodsFor } from './methods.ts'
import { prepareParameters } from './parse-parameters.ts'
import type { LocalDaemon } from './ports.ts'
import { prepareSocketFolder } from './socket-folder.ts'
import { watchFolder } from './watch-folder.ts'

export type LocalServerOptions = {
  /** Absolute. */
  readonly socketPath: string
  /** The folder is CodeGen's own and may be closed to others. */
  readonly isOwnFolder: boolean
  readonly version: string
  readonly daemon: LocalDaemon
  readonly log: Log
}

export type LocalServer = {
  readonly socketPath: string
  /** Tells every client that the tools are others now. */
  announceTools(): void
  /**
   * Takes no more clients, removes the socket if it is still ours, and ends each connection once the tool calls its client made have been answered. Answers when
   * the last one has ended.
   */
  handOver(): { readonly left: Promise<void> }
  /** Ends every connection after what was written to it, and removes the socket if it is still ours. */
  close(): Promise<void>
}

/**
 * Opens codegend's socket: folder 0700, socket 0600. When the file is removed while codegend runs it is made again. Fails with a Failure of one
 * sentence: the path is too long, the folder is not safe, another codegend is first (with its pid), something else is there.
 */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const { socketPath, log } = options
  const folder = dirname(socketPath)
  const clients = new Set<Client>()
  checkSocketPath(socketPath, process.platform)
  let listening = await open()
  let state: 'open' | 'renewing' | 'displaced' | 'closed' = 'open'
  const watcher = watchFolder(folder, () => void renew())
  setImmediate(() => prepareParameters(['initialize', 'run/start']))

  async function open() {
    await prepareSocketFolder(folder, options.isOwnFolder)
    const server = createServer((socket) => welcome(socket, clients, options))
    const file = await claimSocket(server, socketPath, options.version)
    return { server, file }
  }

  async function renew(): Promise<void> {
    const there = identify(socketPath)
    if (state !== 'open' || isSameFile(there, listening.file)) return
    if (there) {
      state = 'displaced'
      log.warn('something else is where our socket was; no new client can find this codegend', { socketPath })
      return
    }
    state = 'renewing'
    log.warn('the socket was removed; making it again', { socketPath })
    // Connections that are open stay so.
    listening.server.close()
    try {
      listening = await open()
      state = 'open'
    } catch (failure) {
      state = 'displaced'
      log.error('the socket could not be made again', failure, { socketPath })
    }
  }

  function stopListening(): void {
    if (state === 'closed') return
    state = 'closed'
    watcher.stop()
    // Closing the server removes whatever is at the path, so it is only done while that is ours.
    if (isSameFile(identify(socketPath), listening.file)) listening.server.close()
    else listening.server.unref()
  }

  function handOver(): { left: Promise<void> } {
    stopListening()
    return letGo([...clients])
  }

  async function close(): Promise<void> {
    stopListening()
    for (const client of clients) client.peer.close(new Failure('client.closed', 'codegend is leaving.'))
  }

  return { socketPath, announceTools: () => announceTools(clients), handOver, close }
}

function announceTools(clients: Iterable<Client>): void {
  for (const { introduction, peer } of clients) if (introduction) peer.notify('tools/changed', {})
}

function letGo(clients: readonly Client[]): { left: Promise<void> } {
  for (const client of clients) client.letGo()
  return { left: Promise.all(clients.map(({ closed }) => closed)).then(() => undefined) }
}

function welcome(socket: Socket, clients: Set<Client>, { daemon, version, log }: LocalServerOptions): void {
  if (clients.size >= limits.clientsMax) {
    socket.on('error', () => undefined)
    socket.destroy()
    log.warn('refused a client: too many are connected', { clients: clients.size })
    return
  }
  const client = createClient({
    socket,
    log,
    methods: (self) => methodsFor(self, { daemon, version }),
    onAttached: () => questions.askAgain(),
    onClosed() {
      clients.delete(client)
      questions.stop()
    },
  })
  const questions = askClient(client, daemon.approvals, log)
  clients.add(client)
}
