import { Failure } from '@codegen/protocol/failure'
import { readRunFact } from '@codegen/protocol/wire'
import type { EntryInternal, LogEntry, RunBounds, SavedEntry } from './log-entry.ts'
import type { Safeguards } from './ports.ts'
import { applyEntry, foldRun } from './run.ts'
import type { Run } from './run.ts'
import { nextStep } from './step.ts'

/** Where a run is to be forked, and what the new run is. */
export type ForkPlan = {
  readonly position: number
  readonly generationId: string
  readonly sessionId: string
  /** Undefined: that of the run itself. */
  readonly model: string | undefined
}

/** A run that begins with entries of another. */
export type Fork = {
  readonly entries: readonly LogEntry[]
  /** What these entries make of it. */
  readonly run: Run
}

/**
 * A new run whose log begins with the entries of another up to a position, as they were shown. It may use up as much as the first one might, anew. Fails with
 * request.invalid, naming entries nearby that would do, where the model was not what came next.
 */
export function toFork(entries: readonly SavedEntry[], plan: ForkPlan, safeguards: Safeguards): Fork {
  const states = foldEach(entries)
  const state = states[plan.position - 1]
  const problem = state ? problemOf(state, safeguards) : `The run has ${entries.length} entries`
  if (!state || problem) {
    const fitting = states.filter((one) => problemOf(one, safeguards) === undefined).map(({ run }) => run.length)
    throw new Failure('request.invalid', `${problem}; ${nearby(fitting, plan.position)}`)
  }
  const forked = entries.slice(0, plan.position).map((entry) => toForked(entry, state.run, plan))
  return { entries: forked, run: foldRun(forked.map((entry, index) => ({ ...entry, position: index + 1 }))) }
}

/** The run after each of its entries. Its instructions and tools are named by the second. */
function foldEach(entries: readonly SavedEntry[]): State[] {
  const [first, ...rest] = entries
  if (!first) return []
  let state: State = { run: foldRun([first]), hasTools: false }
  return [
    state,
    ...rest.map((entry) => {
      state = {
        run: applyEntry(state.run, entry),
        hasTools: state.hasTools || entry.fact.type === 'toolbelt',
      }
      return state
    }),
  ]
}

type State = { readonly run: Run; readonly hasTools: boolean }

/** Why a run cannot begin so: only one that would ask its model next does not depend on what an executor has in hand. */
function problemOf({ run, hasTools }: State, safeguards: Safeguards): string | undefined {
  const after = `After entry ${run.length} of the run ${run.generationId}`
  if (!hasTools) return `${after} its tools are not on record yet`
  if (run.outcome) return `${after} it has ended`
  const ending = safeguards.endingOf({ ...run, bounds: toBounds(run) }, 0)
  if (ending) return `${after} it had to end (${ending.status})`
  const step = nextStep(run, { ending, cancelled: new Set(), inputs: [] })
  switch (step.kind) {
    case 'bootstrap':
    case 'ask-model':
      return undefined
    case 'call-tools':
      return `${after} what the model asked for is not done yet`
    case 'finish':
      return `${after} there is nothing left to do`
    default:
      return `${after} a call is open`
  }
}

function nearby(fitting: readonly number[], position: number): string {
  const near = [fitting.findLast((at) => at < position), fitting.find((at) => at > position)]
  const named = near.filter((at) => at !== undefined)
  if (named.length === 0) return 'no entry of it would do.'
  return `${named.length > 1 ? 'entries' : 'entry'} ${named.join(' and ')} would do.`
}

function toForked(entry: SavedEntry, run: Run, plan: ForkPlan): LogEntry {
  const { shown, position } = entry
  const isFirst = position === 1
  const model = plan.model ?? run.model
  const { generationId: generation_id, sessionId: session_id } = plan
  const changes = { generation_id, ...(isFirst ? { session_id, model } : {}) }
  const { type, payload } = entry.fact
  const fact = readRunFact(JSON.stringify({ type, payload: { ...payload, ...changes } }))
  if ('unknown' in fact) throw new TypeError(`A fact was of the type ${type} before it was copied.`)
  const internal = model === run.model ? entry.internal : withoutDigest(entry.internal)
  return { fact, shown, internal: isFirst ? toFirst(internal, run, plan) : internal }
}

/** A request with another model in it was never made: only the run it is copied from can say what was asked. */
function withoutDigest(internal: EntryInternal | null): EntryInternal | null {
  if (!internal) return null
  const { request_digest: _, ...rest } = internal
  return rest
}

/** Its executor has yet to hear of it, and the trace of whoever asked for the first one has ended. */
function toFirst(internal: EntryInternal | null, run: Run, { position }: ForkPlan): EntryInternal {
  const { traceparent: _, ...rest } = internal ?? {}
  const forked_from = { generation_id: run.generationId, position }
  return { ...rest, limits: toBounds(run), forked_from, remote: true }
}

/** What it has used up by now is not counted again. */
function toBounds({ bounds, turns, usage }: Run): RunBounds {
  const tokens = bounds.tokens + usage.inputTokens + usage.outputTokens
  return { turns: bounds.turns + turns, tokens, seconds: bounds.seconds }
}
