import { publishFacts } from '#runs/event-outlet'
import { unshown } from '#runs/log-entry'
import type { LogEntry } from '#runs/log-entry'
import type { Ending, EventBus } from '#runs/ports'
import type { ExecutorStore, QueuedStart } from './ports.ts'

type EndPorts = { readonly store: Pick<ExecutorStore, 'endQueued'>; readonly bus: EventBus }

/** Ends a run that no connection has taken up, with a log that says so at its end. False when one has, or it has ended. */
export async function endQueuedRun(
  ports: EndPorts,
  start: QueuedStart,
  of: { ending: Ending; by: string },
): Promise<boolean> {
  const { ending } = of
  const entries = toEntries(start, of)
  const error = ending.error?.message.replaceAll('\0', '') ?? null
  const end = { status: ending.status, turns: 0, inputTokens: 0, outputTokens: 0, error, finished: true }
  if (!(await ports.store.endQueued(start, entries, end))) return false
  const saved = entries.map((entry, index) => ({ ...entry, position: start.length + index + 1 }))
  publishFacts(ports.bus, start, saved)
  return true
}

function toEntries(start: QueuedStart, { ending, by }: { ending: Ending; by: string }): LogEntry[] {
  const { generationId: generation_id, sessionId: session_id, prompt, cwd, mode, model } = start
  const reason = ending.error?.message ?? ''
  const usage = { turns: 0, input_tokens: 0, output_tokens: 0, cached_tokens: 0 }
  const { status, error } = ending
  const started = unshown({ type: 'run_started', payload: { generation_id, session_id, prompt, cwd, mode, model } })
  return [
    ...(start.length === 0 ? [started] : []),
    ...(status === 'cancelled' ? [unshown({ type: 'cancel_requested', payload: { generation_id, reason, by } })] : []),
    unshown({
      type: 'run_finished',
      payload: { generation_id, status, summary: '', usage, ...(error ? { error } : {}) },
    }),
  ]
}
