import type { RunMode, ToolResult } from '@codegen/protocol/wire'
import { limits } from '#limits'
import type { Holder, JournaledRun, JournalEntry } from './entry.ts'

/** A tool call as far as it got. */
export type JournaledCall = {
  readonly toolId: string
  readonly generationId: string
  readonly toolName: string
  readonly repeatable: boolean
  readonly state: CallState
  /** Who runs it, when that is an earlier codegend. */
  readonly holder?: Holder
}

export type CallState =
  | { readonly kind: 'received' }
  | { readonly kind: 'started'; readonly processes: readonly CallProcess[] }
  | { readonly kind: 'finished'; readonly result: ToolResult; readonly stored: boolean }

/** The leader of a process group a call started. */
export type CallProcess = { readonly pid: number; readonly startTime: string }

/** A run that was asked for and has no id yet. */
export type JournaledStart = { readonly clientRef: string; readonly root: string; readonly mode: RunMode }

/** What the journal's lines add up to. Only `applyEntry` changes it. */
export type JournalState = {
  readonly calls: Map<string, JournaledCall>
  readonly runs: Map<string, JournaledRun>
  readonly starts: Map<string, JournaledStart>
  /** Results on record at Maestro whose text is still here, oldest first, and how many characters they hold. */
  readonly kept: Map<string, number>
  keptCharacters: number
}

export function emptyState(): JournalState {
  return { calls: new Map(), runs: new Map(), starts: new Map(), kept: new Map(), keptCharacters: 0 }
}

/** Applies one line. Lines about what was forgotten are ignored. */
export function applyEntry(state: JournalState, entry: JournalEntry): void {
  switch (entry.kind) {
    case 'start':
      state.starts.set(entry.clientRef, { clientRef: entry.clientRef, root: entry.root, mode: entry.mode })
      return forgetOldest(state.starts, limits.journalRunsMax)
    case 'start-dropped':
      state.starts.delete(entry.clientRef)
      return
    case 'run':
      state.starts.delete(entry.run.clientRef)
      state.runs.set(entry.run.generationId, entry.run)
      return forgetOldest(state.runs, limits.journalRunsMax)
    case 'run-ended':
      return endRun(state, entry.generationId)
    case 'received': {
      const { toolId, generationId, toolName, repeatable } = entry
      state.calls.set(toolId, { toolId, generationId, toolName, repeatable, state: { kind: 'received' } })
      return forgetCalls(state)
    }
    case 'started':
      return takeCall(state, entry.toolId, { kind: 'started', processes: [] })
    case 'process':
      return changeCall(state, entry.toolId, (now) => withProcess(now, entry))
    case 'finished':
      return takeCall(state, entry.toolId, { kind: 'finished', result: entry.result, stored: false })
    case 'stored':
      return markStored(state, entry.toolId)
    case 'held':
      for (const toolId of entry.toolIds) holdCall(state, toolId, entry.holder)
      return
    case 'end-held':
      // A word to the holder; what comes of it is another line.
      return
  }
}

/** The lines a journal with this state would begin with. */
export function toEntries(state: JournalState): JournalEntry[] {
  const starts = [...state.starts.values()].map((start): JournalEntry => ({ kind: 'start', ...start }))
  const runs = [...state.runs.values()].map((run): JournalEntry => ({ kind: 'run', run }))
  return [...starts, ...runs, ...[...state.calls.values()].flatMap(toCallEntries)]
}

function toCallEntries({ state, holder, ...call }: JournaledCall): JournalEntry[] {
  const { toolId } = call
  const entries: JournalEntry[] = [{ kind: 'received', ...call }]
  if (state.kind === 'started') {
    entries.push({ kind: 'started', toolId })
    for (const process of state.processes) entries.push({ kind: 'process', toolId, ...process })
  }
  if (holder) entries.push({ kind: 'held', holder, toolIds: [toolId] })
  if (state.kind === 'finished') {
    entries.push({ kind: 'finished', toolId, result: state.result })
    if (state.stored) entries.push({ kind: 'stored', toolId })
  }
  return entries
}

function changeCall(state: JournalState, toolId: string, change: (now: CallState) => CallState): void {
  const call = state.calls.get(toolId)
  if (call) state.calls.set(toolId, { ...call, state: change(call.state) })
}

/** A call that is begun anew, and one that has ended, is nobody else's. */
function takeCall(state: JournalState, toolId: string, next: CallState): void {
  const call = state.calls.get(toolId)
  if (!call) return
  const { holder: _holder, ...own } = call
  state.calls.set(toolId, { ...own, state: next })
}

function holdCall(state: JournalState, toolId: string, holder: Holder): void {
  const call = state.calls.get(toolId)
  if (call && call.state.kind !== 'finished') state.calls.set(toolId, { ...call, holder })
}

function withProcess(now: CallState, { pid, startTime }: CallProcess): CallState {
  return now.kind === 'started' ? { kind: 'started', processes: [...now.processes, { pid, startTime }] } : now
}

function endRun(state: JournalState, generationId: string): void {
  state.runs.delete(generationId)
  for (const call of state.calls.values()) {
    if (call.generationId === generationId && isStored(call)) forgetCall(state, call.toolId)
  }
}

/** Id and outcome stay until the run has ended; the texts only as long as there is room, for a server that asks once more. */
function markStored(state: JournalState, toolId: string): void {
  const call = state.calls.get(toolId)
  if (call?.state.kind !== 'finished') return
  if (!state.runs.has(call.generationId)) return forgetCall(state, toolId)
  const { result } = call.state
  state.calls.set(toolId, { ...call, state: { kind: 'finished', result, stored: true } })
  const characters = charactersIn(result)
  state.kept.set(toolId, characters)
  state.keptCharacters += characters
  for (const oldest of state.kept.keys()) {
    if (state.keptCharacters <= limits.journalKeptCharactersMax) break
    dropText(state, oldest)
  }
}

function dropText(state: JournalState, toolId: string): void {
  state.keptCharacters -= state.kept.get(toolId) ?? 0
  state.kept.delete(toolId)
  const call = state.calls.get(toolId)
  if (call?.state.kind !== 'finished') return
  const { tool_id, status, generation_id } = call.state.result
  const result = {
    tool_id,
    status,
    result: 'This result was recorded before; its text is no longer kept here.',
    generation_id,
  }
  state.calls.set(toolId, { ...call, state: { kind: 'finished', result, stored: true } })
}

function charactersIn(result: ToolResult): number {
  const text = typeof result.result === 'string' ? result.result.length : JSON.stringify(result.result).length
  return text + (result.structured === undefined ? 0 : JSON.stringify(result.structured).length)
}

function forgetCalls(state: JournalState): void {
  if (state.calls.size <= limits.journalCallsMax) return
  const calls = [...state.calls.values()]
  const victim = calls.find(isStored) ?? calls.find((call) => call.state.kind === 'finished') ?? calls[0]
  if (victim) forgetCall(state, victim.toolId)
}

function forgetCall(state: JournalState, toolId: string): void {
  state.keptCharacters -= state.kept.get(toolId) ?? 0
  state.kept.delete(toolId)
  state.calls.delete(toolId)
}

function forgetOldest(entries: Map<string, unknown>, countMax: number): void {
  for (const oldest of entries.keys()) {
    if (entries.size <= countMax) return
    entries.delete(oldest)
  }
}

function isStored(call: JournaledCall): boolean {
  return call.state.kind === 'finished' && call.state.stored
}
