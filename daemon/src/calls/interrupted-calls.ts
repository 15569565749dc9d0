import type { Journal, JournaledCall } from '#journal/journal'
import type { Log } from '#log'
import { failed } from './ending.ts'

/** A process group that an earlier codegend left behind. */
export type Orphan = { readonly pid: number; readonly toolId: string; readonly startTime: string }

type InterruptParts = {
  endOrphan(orphan: Orphan): Promise<void>
  /** Nobody will ask for what became of this run's calls. */
  isLost(generationId: string): boolean
  readonly log: Log
}

/**
 * At start, before any call: what an earlier codegend had started and never finished ends as interrupted, unless running it again does no harm and
 * somebody may ask for that. Its commands are ended through `endOrphan`, unless the machine was booted since.
 */
export async function interruptCalls(journal: Journal, { endOrphan, isLost, log }: InterruptParts): Promise<void> {
  const calls = [...journal.calls.values()].filter(({ toolId }) => !journal.held.has(toolId))
  const started = calls.filter((call) => call.state.kind === 'started')
  const lost = calls.filter((call) => call.state.kind === 'received' && isLost(call.generationId))
  const orphans = journal.isNewBoot ? [] : started.flatMap(toOrphans)
  await Promise.all(orphans.map(endOrphan))
  for (const { toolId, generationId, repeatable } of [...started, ...lost]) {
    if (repeatable && !isLost(generationId)) continue
    log.warn('a call was interrupted', { toolId })
    recordInterrupted(journal, { toolId, generationId })
  }
}

type InterruptedCall = Pick<JournaledCall, 'toolId' | 'generationId'>

/** Puts on record that nobody knows how far a call came. */
export function recordInterrupted(journal: Journal, { toolId, generationId }: InterruptedCall): void {
  const ending = failed(
    'interrupted',
    'tool.unavailable',
    'codegend ended before this call did; what it did is unknown.',
  )
  journal.append({ kind: 'finished', toolId, result: { tool_id: toolId, generation_id: generationId, ...ending } })
}

/** The process groups a call had started when it was last heard of. */
export function toOrphans({ toolId, state }: JournaledCall): Orphan[] {
  return state.kind === 'started' ? state.processes.map((process) => ({ toolId, ...process })) : []
}
