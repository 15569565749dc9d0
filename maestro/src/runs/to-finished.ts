import type { RunFactOf } from '@codegen/protocol/wire'
import type { Ending } from './ports.ts'
import type { Run } from './run.ts'

/** The last fact of a run: how it ended, what its model said at last, and what it used up. */
export function toFinished(run: Run, ending: Ending): RunFactOf<'run_finished'> {
  const summary = run.lastAnswer?.hasRequests === false ? run.lastAnswer.content : ''
  return {
    type: 'run_finished',
    payload: {
      generation_id: run.generationId,
      status: ending.status,
      summary,
      usage: {
        turns: run.turns,
        input_tokens: run.usage.inputTokens,
        output_tokens: run.usage.outputTokens,
        cached_tokens: run.usage.cachedTokens,
        ...(run.usage.costMicros === undefined ? {} : { cost_micros: run.usage.costMicros }),
      },
      ...(ending.error ? { error: ending.error } : {}),
    },
  }
}
