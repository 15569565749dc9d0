import type { Journal, JournaledCall } from '#journal/journal'
import type { Log } from '#log'
import { failed } from './ending.ts'

/** A process group that an earlier codegend left behind. */
export type Orphan = { readonly pid: number; readonly toolId: string; readonly startTime: string }

/**
 * At start, before any call: what an earlier codegend had started and never finished ends as interrupted, unless running it again does no harm. Its
 * commands are ended through `endOrphan`, unless the machine was booted since.
 */
export async function interruptCalls(
  journal: Journal,
  { endOrphan, log }: { endOrphan(orphan: Orphan): Promise<void>; log: Log },
): Promise<void> {
  const started = [...journal.calls.values()].filter((call) => call.state.kind === 'started')
  const orphans = journal.isNewBoot ? [] : started.flatMap(toOrphans)
  await Promise.all(orphans.map(endOrphan))
  for (const { toolId, generationId, repeatable } of started) {
    if (repeatable) continue
    log.warn('a call was interrupted', { toolId })
    const ending = failed(
      'interrupted',
      'tool.unavailable',
      'codegend ended before this call did; what it did is unknown.',
    )
    journal.append({ kind: 'finished', toolId, result: { tool_id: toolId, generation_id: generationId, ...ending } })
  }
}

function toOrphans({ toolId, state }: JournaledCall): Orphan[] {
  return state.kind === 'started' ? state.processes.map((process) => ({ toolId, ...process })) : []
}
