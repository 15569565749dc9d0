import { closeCodes } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { RunKey } from '#runs/ports'
import { Connection } from './connection.ts'
import type { Channel, CommunicatorPorts, Principal } from './ports.ts'

/**
 * Who is connected to this replica. The connection that holds an executor owns its runs; the newest wins. Commands for runs that are
 * open here are taken from their inboxes: when a run is claimed, when somebody wakes us, and every limits.inboxPollMs.
 */
export type ExecutorCommunicator = {
  connect(channel: Channel, principal: Principal): Connection
  counts(): { executors: number; runs: number }
  /** Lets go of every run and closes every connection. */
  close(): Promise<void>
}

export function createExecutorCommunicator(ports: CommunicatorPorts): ExecutorCommunicator {
  const connections = new Set<Connection>()
  const byExecutor = new Map<string, Connection>()

  const takeCommands = async (keys: readonly RunKey[]): Promise<void> => {
    if (keys.length === 0) return
    for (const command of await ports.store.commandsOf(keys)) {
      for (const connection of connections) connection.command(command)
    }
  }
  const takeCommandsSafely = (keys: readonly RunKey[]): void => {
    takeCommands(keys).catch((failure: unknown) =>
      ports.warn('Commands could not be read; they are looked for again.', failure),
    )
  }
  const openKeys = (): RunKey[] => [...connections].flatMap((connection) => connection.openRuns())

  ports.presence.onWake((key) => {
    takeCommandsSafely(openKeys().filter((open) => open.generationId === key.generationId))
  })
  const poll = setInterval(() => takeCommandsSafely(openKeys()), limits.inboxPollMs)
  poll.unref()

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
          takeCommandsSafely(connection.openRuns())
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
    counts: () => ({ executors: byExecutor.size, runs: openKeys().length }),
    async close() {
      clearInterval(poll)
      const closing = [...connections]
      for (const connection of closing) connection.close(closeCodes.restart, 'this Maestro is stopping')
      await Promise.all(closing.map((connection) => connection.settled()))
    },
  }
}
