import { resolve } from 'node:path'
import { isLocalRun } from './local-run.ts'
import type { PreparedCall } from './prepared-call.ts'

/** Where a call that may change something waits: behind its run's earlier calls; a person's call behind whatever people's calls write its files. */
export function toLanes({ call, run, tool, cwd }: Pick<PreparedCall, 'call' | 'run' | 'tool' | 'cwd'>): string[] {
  if (!isLocalRun(run.generationId)) return [run.generationId]
  const { writes = [] } = tool.touches?.(call.parameters) ?? {}
  return [...new Set(writes.map((path) => resolve(cwd, path)))]
}
