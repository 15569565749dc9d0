import { unshown } from './log-entry.ts'
import type { LogEntry } from './log-entry.ts'
import type { Drive } from './drive.ts'
import type { ModelUsage } from './ports.ts'

/** What one request of a run cost. */
export function toUsage(
  { run, ports }: Pick<Drive, 'run' | 'ports'>,
  { turn, usage }: { turn: number; usage: ModelUsage },
): LogEntry {
  const cost = ports.model.costMicrosOf(run.model, usage)
  return unshown({
    type: 'usage',
    payload: {
      generation_id: run.generationId,
      turn,
      model: run.model,
      input_tokens: usage.inputTokens,
      output_tokens: usage.outputTokens,
      cached_tokens: usage.cachedTokens,
      ...(cost === undefined ? {} : { cost_micros: cost }),
    },
  })
}
