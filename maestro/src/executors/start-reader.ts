import type { Connection } from './connection.ts'
import type { CommunicatorPorts } from './ports.ts'

/** Brings starts that were asked for elsewhere to the connections of their executors. */
export type StartReader = {
  /** Looks for those of the executors that are connected here, or for the one of this id. What cannot be read now is looked for again. */
  look(generationId?: string): void
}

export function createStartReader(ports: CommunicatorPorts, byExecutor: ReadonlyMap<string, Connection>): StartReader {
  const take = async (generationId: string | undefined): Promise<void> => {
    const executors = [...byExecutor.values()].flatMap((connection) => connection.executor() ?? [])
    if (executors.length === 0) return
    for (const start of await ports.store.queuedStarts(executors, generationId)) {
      byExecutor.get(`${start.teamId}/${start.executorId}`)?.takeUp(start)
    }
  }
  return {
    look(generationId) {
      take(generationId).catch((failure: unknown) =>
        ports.warn('Starts could not be read; they are looked for again.', failure),
      )
    },
  }
}
