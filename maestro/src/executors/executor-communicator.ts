import { closeCodes } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { waitingStatus } from '#runs/drive'
import type { RunKey } from '#runs/ports'
import { Connection } from './connection.ts'
import { createInboxReader } from './inbox-reader.ts'
import type { Channel, CommunicatorPorts, Principal } from './ports.ts'
import { createStartReader } from './start-reader.ts'

/**
 * Who is connected to this replica. The connection that holds an executor owns its runs; the newest wins. Commands for runs that are
 * open here are taken from their inboxes: when a run is claimed, when somebody wakes us, and every limits.inboxPollMs.
 */
export type ExecutorCommunicator = {
  connect(channel: Channel, principal: Principal): Connection
  /** What is here right now: executors, and open runs by what they do or wait for. */
  counts(): HeldHere
  /** Lets go of every run and closes every connection. */
  close(): Promise<void>
}

export type HeldHere = {
  readonly executors: number
  readonly runs: ReadonlyMap<string, number>
  /** What has arrived for runs and they have not taken yet. */
  readonly letters: number
  /** Commands found in inboxes at the last look. */
  readonly commands: number
}

export function createExecutorCommunicator(ports: CommunicatorPorts): ExecutorCommunicator {
  const connections = new Set<Connection>()
  const byExecutor = new Map<string, Connection>()
  const inbox = createInboxReader(ports, connections)
  const starts = createStartReader(ports, byExecutor)
  const openKeys = (): RunKey[] => [...connections].flatMap((connection) => connection.openRuns())

  ports.presence.onWake((key) => {
    const open = openKeys().filter(({ generationId }) => generationId === key.generationId)
    for (const connection of connections) connection.wake(key)
    if (open.length > 0) inbox.look(open)
    else starts.look(key.generationId)
  })
  const poll = setInterval(() => inbox.look(openKeys()), limits.inboxPollMs)
  poll.unref()
  const startsPoll = setInterval(() => starts.look(), limits.startsPollMs)
  startsPoll.unref()

  return {
    connect(channel, principal) {
      const connection = new Connection({
        ...ports,
        channel,
        principal,
        onClaimed({ executorKey, executorId }) {
          ports.presence.arrived(principal.teamId, executorId)
          byExecutor
            .get(executorKey)
            ?.close(closeCodes.superseded, 'a newer connection of this executor has taken over')
          byExecutor.set(executorKey, connection)
          inbox.look(connection.openRuns())
          starts.look()
        },
        onClosed(greeted) {
          connections.delete(connection)
          if (!greeted || byExecutor.get(greeted.executorKey) !== connection) return
          byExecutor.delete(greeted.executorKey)
          ports.presence.left(principal.teamId, greeted.executorId)
        },
      })
      connections.add(connection)
      return connection
    },
    counts: () => ({
      executors: byExecutor.size,
      commands: inbox.found(),
      ...countRuns([...connections]),
    }),
    async close() {
      clearInterval(poll)
      clearInterval(startsPoll)
      const closing = [...connections]
      for (const connection of closing) connection.close(closeCodes.restart, 'this Maestro is stopping')
      await Promise.all(closing.map((connection) => connection.settled()))
    },
  }
}

function countRuns(connections: readonly Connection[]): Pick<HeldHere, 'runs' | 'letters'> {
  const parked = connections.reduce((sum, connection) => sum + connection.parkedCount(), 0)
  const runs = new Map<string, number>([['parked', parked]])
  let letters = 0
  for (const { run, mailbox } of connections.flatMap((connection) => connection.drives())) {
    const status = waitingStatus(run)
    runs.set(status, (runs.get(status) ?? 0) + 1)
    letters += mailbox.size()
  }
  return { runs, letters }
}
