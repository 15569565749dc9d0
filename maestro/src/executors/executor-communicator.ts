import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import { closeCodes } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { waitingStatus } from '#runs/drive'
import type { RunKey } from '#runs/ports'
import { Connection } from './connection.ts'
import { createInboxReader } from './inbox-reader.ts'
import type { Channel, CommunicatorPorts, Principal } from './ports.ts'
import { createStartReader } from './start-reader.ts'
import { createTurnstile } from './turnstile.ts'

/**
 * Who is connected to this replica. The connection that holds an executor owns its runs; the newest wins. Commands for runs that are
 * open here are taken from their inboxes: when a run is claimed, when somebody wakes us, and every limits.inboxPollMs.
 */
export type ExecutorCommunicator = {
  connect(channel: Channel, principal: Principal): Connection
  /** What is here right now: executors, and open runs by what they do or wait for. */
  counts(): HeldHere
  /** It is leaving and takes no more executors. */
  isDraining(): boolean
  /** Fails while it is. */
  readonly ready: { readonly name: string; check(): Promise<void> }
  /**
   * Sends every executor to another replica, one after the other, each when its runs can go on there: an answer that is being given is put on record first,
   * for limits.drain.answerMsMax at the most. Then lets go of every run and closes every connection.
   */
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
  const reading = createTurnstile(limits.resumesAtOnceMax)
  let isDraining = false
  const openKeys = (): RunKey[] => [...connections].flatMap((connection) => connection.openRuns())

  ports.presence.onWake((key) => {
    const open = openKeys().filter(({ generationId }) => generationId === key.generationId)
    for (const connection of connections) connection.wake(key)
    if (open.length > 0) inbox.look(open)
    else starts.look(key.generationId)
  })
  const polls = [
    setInterval(() => inbox.look(openKeys()), limits.inboxPollMs).unref(),
    setInterval(() => starts.look(), limits.startsPollMs).unref(),
  ]

  return {
    connect(channel, principal) {
      const connection = new Connection({
        ...ports,
        reading,
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
    counts: () => ({ executors: byExecutor.size, commands: inbox.found(), ...countRuns([...connections]) }),
    isDraining: () => isDraining,
    ready: { name: 'stopping', check: async () => refuseWhen(isDraining) },
    async close() {
      isDraining = true
      await drain([...connections])
      polls.forEach(clearInterval)
      await closeAll([...connections])
    },
  }
}

const stopping = 'this Maestro is stopping'

/** Not all at once, or all would dial the next replica at once. */
async function drain(connections: readonly Connection[]): Promise<void> {
  const { answerMsMax, spreadMsPerExecutor, spreadMsMax } = limits.drain
  const spreadMs = Math.min(connections.length * spreadMsPerExecutor, spreadMsMax)
  const leaving = connections.map(async (connection) => {
    await delay(Math.random() * spreadMs)
    await connection.leave(stopping)
  })
  await Promise.race([Promise.all(leaving), delay(answerMsMax, undefined, { ref: false })])
}

function refuseWhen(isDraining: boolean): void {
  if (isDraining) throw new Failure('server.full', stopping)
}

async function closeAll(connections: readonly Connection[]): Promise<void> {
  for (const connection of connections) connection.close(closeCodes.restart, stopping)
  await Promise.all(connections.map((connection) => connection.settled()))
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
