import { unshown } from './log-entry.ts'
import type { LogEntry } from './log-entry.ts'
import type { ModelUsage } from './ports.ts'
import type { Run } from './run.ts'

/** What one request of a run cost. */
export function toUsage(run: Run, { turn, usage }: { turn: number; usage: ModelUsage }): LogEntry {
  return unshown({
    type: 'usage',
    payload: {
      generation_id: run.generationId,
      turn,
      model: run.model,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      cached_tokens: usage.cachedTokens,
    },
  })
}
