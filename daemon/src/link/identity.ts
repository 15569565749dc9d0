import { randomUUID } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

/** Who this installation is to Maestro, and the last epoch each server welcomed it with. Kept on disk. */
export type Identity = {
  readonly executorId: string
  epochOf(server: string): number | undefined
  /** On disk when it returns. */
  saveEpoch(server: string, epoch: number): void
}

type Saved = { executor_id: string; machine_id: string; epochs: Record<string, number> }

const serversMax = 50

/** Reads the identity in `home`, or makes one. A home that came from another machine gets a new id, so that two machines never share one. */
export function loadIdentity(home: string): Identity {
  const path = join(home, 'executor.json')
  const machineId = readMachineId()
  const saved = readSaved(path)
  const identity: Saved =
    saved?.machine_id === machineId ? saved : { executor_id: randomUUID(), machine_id: machineId, epochs: {} }
  const save = (): void => {
    // One step, so that a crash leaves the old or the new one. Only one codegend writes in its home.
    writeFileSync(`${path}.new`, `${JSON.stringify(identity)}\n`, { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
  if (identity !== saved) save()

  return {
    executorId: identity.executor_id,
    epochOf: (server) => identity.epochs[server],
    saveEpoch(server, epoch) {
      const others = Object.entries(identity.epochs).filter(([name]) => name !== server)
      identity.epochs = Object.fromEntries([...others, [server, epoch] as const].slice(-serversMax))
      save()
    },
  }
}

function readSaved(path: string): Saved | undefined {
  try {
    const content: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isSaved(content) ? content : undefined
  } catch {
    // Absent or damaged: a new identity begins.
    return undefined
  }
}

function isSaved(content: unknown): content is Saved {
  if (typeof content !== 'object' || content === null) return false
  if (!('executor_id' in content && 'machine_id' in content && 'epochs' in content)) return false
  const { executor_id, machine_id, epochs } = content
  if (typeof executor_id !== 'string' || typeof machine_id !== 'string') return false
  return typeof epochs === 'object' && epochs !== null && Object.values(epochs).every(Number.isSafeInteger)
}

function readMachineId(): string {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      const id = readFileSync(path, 'latin1').trim()
      if (id) return id
    } catch {
      // Not on this system; the next one may be.
    }
  }
  return `host-${hostname()}`
}
