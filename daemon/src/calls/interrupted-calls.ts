import type { Journal, JournaledCall } from '#journal/journal'
import type { Log } from '#log'
import { boundResult } from './bound-result.ts'
import { failed } from './ending.ts'

/** A process group that an earlier codegend left behind. */
export type Orphan = { readonly pid: number; readonly toolId: string; readonly startTime: string }

/** What has to be looked after when a call was left behind. */
export type LeftBehind = {
  endOrphan(orphan: Orphan): Promise<void>
  /** Takes what the call's commands had printed, if they ran long enough for that to be kept. */
  takeOutput(call: Pick<JournaledCall, 'toolId' | 'generationId'>): Promise<string | undefined>
}

type InterruptParts = LeftBehind & {
  /** Nobody will ask for what became of this run's calls. */
  isLost(generationId: string): boolean
  readonly log: Log
}

/**
 * At start, before any call: what an earlier codegend had started and never finished ends as interrupted, unless running it again does no harm and
 * somebody may ask for that. Its commands are ended through `endOrphan`, unless the machine was booted since.
 */
export async function interruptCalls(
  journal: Journal,
  { endOrphan, takeOutput, isLost, log }: InterruptParts,
): Promise<void> {
  const calls = [...journal.calls.values()].filter(({ toolId }) => !journal.held.has(toolId))
  const started = calls.filter((call) => call.state.kind === 'started')
  const lost = calls.filter((call) => call.state.kind === 'received' && isLost(call.generationId))
  const orphans = journal.isNewBoot ? [] : started.flatMap(toOrphans)
  await Promise.all(orphans.map(endOrphan))
  for (const call of [...started, ...lost]) {
    const output = await takeOutput(call)
    if (call.repeatable && !isLost(call.generationId)) continue
    log.warn('a call was interrupted', { toolId: call.toolId })
    recordInterrupted(journal, call, output)
  }
}

/** Puts on record that nobody knows how far a call came, with what it had printed. */
export function recordInterrupted(
  journal: Journal,
  { toolId, generationId }: Pick<JournaledCall, 'toolId' | 'generationId'>,
  output: string | undefined,
): void {
  const unknown = 'codegend ended before this call did; what it did is unknown.'
  const ending = failed('interrupted', 'tool.unavailable', unknown)
  const told = output === undefined ? {} : boundResult(`${unknown} Its output until then:\n${output}`)
  const result = { tool_id: toolId, generation_id: generationId, ...ending, ...told }
  journal.append({ kind: 'finished', toolId, result })
}

/** The process groups a call had started when it was last heard of. */
export function toOrphans({ toolId, state }: JournaledCall): Orphan[] {
  return state.kind === 'started' ? state.processes.map((process) => ({ toolId, ...process })) : []
}
