import type { RunKey } from '#runs/ports'
import type { Connection } from './connection.ts'
import type { CommunicatorPorts } from './ports.ts'

/** Takes commands out of the inboxes of runs that are open here. */
export type InboxReader = {
  /** Looks for commands and brings them to their runs. What cannot be read now is looked for again. */
  look(keys: readonly RunKey[]): void
  /** How many there were at the last look. */
  found(): number
}

export function createInboxReader(ports: CommunicatorPorts, connections: ReadonlySet<Connection>): InboxReader {
  let found = 0
  const take = async (keys: readonly RunKey[]): Promise<void> => {
    const held = [...connections].flatMap((connection) => connection.heldCommands())
    const commands = keys.length === 0 ? [] : await ports.store.commandsOf(keys, held)
    found = commands.length
    for (const command of commands) {
      for (const connection of connections) connection.command(command)
    }
  }
  return {
    look(keys) {
      take(keys).catch((failure: unknown) =>
        ports.warn('Commands could not be read; they are looked for again.', failure),
      )
    },
    found: () => found,
  }
}
