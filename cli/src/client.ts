import type { Socket } from 'node:net'
import { Failure, toFailure } from '@codegen/protocol/failure'
import type { ApprovalQuestion, DaemonMethods, Notifications } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import type { RequestOptions } from '@codegen/protocol/peer'
import { version } from './version.ts'

type Parameters<Name extends keyof DaemonMethods> = DaemonMethods[Name]['parameters']
type Result<Name extends keyof DaemonMethods> = DaemonMethods[Name]['result']

/** codegend as the CLI knows it: a method a call. Each fails with the daemon's Failure, or client.closed when it is gone. */
export type Client = {
  startRun(parameters: Parameters<'run/start'>, signal: AbortSignal): Promise<Result<'run/start'>>
  attachRun(parameters: Parameters<'run/attach'>): Promise<Result<'run/attach'>>
  getRun(generationId: string): Promise<Result<'run/get'>>
  listRuns(limit: number): Promise<Result<'run/list'>['runs']>
  cancelRun(generationId: string, reason: string): Promise<void>
  status(): Promise<Result<'daemon/status'>>
  listTools(): Promise<Result<'tools/list'>['tools']>
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<Failure>
  close(): void
}

/** What the daemon tells of its own accord. */
export type ClientEvents = {
  event?(event: Notifications['run/event']): void
  finished?(outcome: Notifications['run/finished']): void
  /** After everything that came in one piece: the moment to write. */
  settled?(): void
  /** Makes this client one that answers questions. `signal` voids the question. */
  question?(question: ApprovalQuestion, signal: AbortSignal): Promise<string>
}

/** Introduces itself on a fresh connection and speaks for it. The first request leaves with the introduction, without waiting for it. */
export function createClient(socket: Socket, events: ClientEvents = {}): Client {
  const closed = Promise.withResolvers<Failure>()
  const { question } = events
  // What codegend says is taken at its word: the schemas were checked where it was said, and the bundle carries none.
  const peer = createPeer<DaemonMethods>({
    write: (line) => void socket.write(line),
    close(failure) {
      socket.destroy()
      closed.resolve(failure)
    },
    timers: { setTimeout, clearTimeout },
    methods: question
      ? {
          'approval/request': async (asked, { signal }) => ({
            option_id: await question(asked as ApprovalQuestion, signal),
          }),
        }
      : {},
    notifications: {
      'run/event': (event) => events.event?.(event as Notifications['run/event']),
      'run/finished': (outcome) => events.finished?.(outcome as Notifications['run/finished']),
    },
    onFault: (_method, thrown) => peer.close(toFailure(thrown)),
  })
  socket.on('data', (chunk) => {
    peer.receive(chunk)
    events.settled?.()
  })
  socket.on('error', () => undefined)
  socket.on('close', () =>
    peer.close(
      new Failure('client.closed', 'codegend has ended the connection; codegen status tells whether it runs.'),
    ),
  )
  socket.cork()
  process.nextTick(() => socket.uncork())
  const introduced = peer.request('initialize', {
    version,
    client: { kind: 'codegen', pid: process.pid },
    can_answer_approvals: question !== undefined,
  })

  async function ask<Name extends keyof DaemonMethods & string>(
    method: Name,
    parameters: Parameters<Name>,
    options?: RequestOptions,
  ): Promise<Result<Name>> {
    const answer = peer.request(method, parameters, options)
    // Of an introduction that failed the daemon's reason is the better one.
    answer.catch(() => undefined)
    await introduced
    return answer
  }

  return {
    startRun: (parameters, signal) => ask('run/start', parameters, { timeoutMs: Infinity, signal }),
    attachRun: (parameters) => ask('run/attach', parameters),
    getRun: (generationId) => ask('run/get', { generation_id: generationId }),
    listRuns: async (limit) => (await ask('run/list', { limit })).runs,
    cancelRun: async (generationId, reason) => void (await ask('run/cancel', { generation_id: generationId, reason })),
    status: () => ask('daemon/status', {}),
    listTools: async () => (await ask('tools/list', {})).tools,
    closed: closed.promise,
    close: () => peer.close(new Failure('client.closed', 'codegen has ended the connection.')),
  }
}
