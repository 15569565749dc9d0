import type { RunMode } from '@codegen/protocol/wire'
import type { Journal, JournaledRun } from '#journal/journal'

/** The runs this daemon may work for, and what their owner allowed in them. Survives a restart, but for what was granted by "always". */
export type KnownRuns = {
  find(generationId: string): JournaledRun | undefined
  ids(): string[]
  /** A run is about to be asked for: from here on the server's answer can be tied to this root. */
  expect(start: { clientRef: string; root: string; mode: RunMode }): void
  /** Keys of the runs that were asked for and have no id yet. */
  expected(): string[]
  /** The server gave an expected run its id. False when it was not expected and is not known. */
  begin(begun: { clientRef: string; generationId: string; sessionId: string }): boolean
  /** A run that was not started here, in a folder its owner listed for such runs. */
  adopt(run: { generationId: string; root: string; mode: RunMode }): JournaledRun
  /** An expected run will not come. */
  drop(clientRef: string): void
  end(generationId: string): void
  grant(generationId: string, toolName: string): void
  isGranted(generationId: string, toolName: string): boolean
  openCount(): number
}

/** The runs in the journal. `onEnd` is told of each that ends. */
export function createKnownRuns(journal: Journal, onEnd: (generationId: string) => void): KnownRuns {
  const grants = new Map<string, Set<string>>()
  return {
    find: (generationId) => journal.runs.get(generationId),
    ids: () => [...journal.runs.keys()],
    expected: () => [...journal.starts.keys()],
    expect: (start) => journal.append({ kind: 'start', ...start }),
    begin({ clientRef, generationId, sessionId }) {
      if (journal.runs.has(generationId)) return true
      const start = journal.starts.get(clientRef)
      if (!start) return false
      journal.append({ kind: 'run', run: { generationId, sessionId, ...start } })
      return true
    },
    adopt({ generationId, root, mode }) {
      const run: JournaledRun = { generationId, sessionId: '', clientRef: '', root, mode }
      journal.append({ kind: 'run', run })
      return run
    },
    drop(clientRef) {
      if (journal.starts.has(clientRef)) journal.append({ kind: 'start-dropped', clientRef })
    },
    end(generationId) {
      grants.delete(generationId)
      if (journal.runs.has(generationId)) journal.append({ kind: 'run-ended', generationId })
      onEnd(generationId)
    },
    grant(generationId, toolName) {
      const granted = grants.get(generationId) ?? new Set()
      grants.set(generationId, granted.add(toolName))
    },
    isGranted: (generationId, toolName) => grants.get(generationId)?.has(toolName) ?? false,
    openCount: () => journal.runs.size,
  }
}
