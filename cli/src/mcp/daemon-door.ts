import { toFailure } from '@codegen/protocol/failure'
import type { Client, ClientEvents } from '#client'
import { connectToDaemon } from '#connect'
import type { Terminal } from '#render/terminal'

/** The way to codegend for many calls at once. */
export type DaemonDoor = {
  /** A connection of one's own. Where codegend does not run, one start serves all who ask meanwhile; it fails for all of them with server.unreachable. */
  connect(events?: ClientEvents): Promise<Client>
  /** The same, but fails with server.unreachable where codegend does not run. */
  find(events: ClientEvents): Promise<Client>
}

export function createDaemonDoor(terminal: Terminal): DaemonDoor {
  let starting: Promise<void> | undefined

  async function start(): Promise<void> {
    const onStart = (): void => terminal.note('starting codegend, which stays in the background')
    const client = await connectToDaemon({ onStart })
    client.close()
  }

  return {
    find: (events) => connectToDaemon({ events }),
    async connect(events = {}) {
      if (!starting) {
        try {
          return await connectToDaemon({ events })
        } catch (thrown) {
          if (toFailure(thrown).code !== 'server.unreachable') throw thrown
        }
      }
      starting ??= start().finally(() => (starting = undefined))
      await starting
      return connectToDaemon({ events })
    },
  }
}
