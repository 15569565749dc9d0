import type { Dialect, DialectName } from './dialect.ts'
import type { SavedEntry } from './log-entry.ts'
import { carriedRecap, createRecap } from './recap.ts'
import type { RecapState } from './recap-state.ts'

/**
 * What the ended runs of a conversation, oldest first, show the model of the next one. What a run of the same dialect was shown is taken as it was; one of
 * another is told anew from its facts. Where an older part was summed up it begins there. A request whose run ended before it was met is answered here:
 * no server takes a call without its result.
 */
export function toConversation(runs: readonly (readonly SavedEntry[])[], dialect: Dialect): string {
  return sinceCompaction(runs)
    .flatMap(({ from, entries }) => {
      const render = from === dialect.name ? shownAgain : toldAnew
      const shown = entries.map((_, index) => render(entries, index, dialect))
      const answered = lastAnswer(entries)
      // What was said while the run ended comes after the results of its last answer.
      const said = entries.findIndex(({ fact }, index) => index > answered && fact.type === 'input')
      const end = said < 0 ? shown.length : said
      return [...shown.slice(0, end), ...unmet(entries, dialect), ...shown.slice(end)].flat()
    })
    .join(',')
}

/** The kept facts of the ended runs, oldest first, as the next run begins with them. */
export function toCarriedRecap(runs: readonly (readonly SavedEntry[])[]): RecapState | undefined {
  let carried: RecapState | undefined
  for (const entries of runs) {
    const recap = createRecap(carried)
    for (const entry of entries) recap.add(entry)
    carried = carriedRecap(recap.state())
  }
  return carried
}

type ToldRun = { readonly from: DialectName; readonly entries: readonly SavedEntry[] }

/** The runs from the last compaction on; of its own run what it left, itself first. */
function sinceCompaction(runs: readonly (readonly SavedEntry[])[]): ToldRun[] {
  const first = Math.max(
    0,
    runs.findLastIndex((entries) => entries.some(isCompaction)),
  )
  return runs.slice(first).map((entries) => ({
    from: entries[0]?.internal?.dialect ?? 'chat',
    entries: withoutOlderPart(entries),
  }))
}

function withoutOlderPart(entries: readonly SavedEntry[]): readonly SavedEntry[] {
  const last = entries.findLast(isCompaction)
  if (last?.fact.type !== 'compacted') return entries
  const { kept_from } = last.fact.payload
  return [last, ...entries.filter((entry) => entry.position >= kept_from && !isCompaction(entry))]
}

function isCompaction({ fact }: SavedEntry): boolean {
  return fact.type === 'compacted'
}

/** The first entry also holds what earlier runs showed; only its own prompt is this run's. What was before a fork is told by the fork alone. */
function shownAgain(entries: readonly SavedEntry[], index: number, dialect: Dialect): string | [] {
  const entry = entries[index]
  const isOwn = entry?.internal?.forked_from === undefined
  if (entry?.fact.type === 'run_started' && isOwn) return dialect.user(entry.fact.payload.prompt)
  return entry?.shown ?? []
}

function toldAnew(entries: readonly SavedEntry[], index: number, dialect: Dialect): string | [] {
  const entry = entries[index]
  // An entry that showed nothing shows nothing in any dialect.
  if (!entry || entry.shown === null) return []
  const { fact, internal } = entry
  switch (fact.type) {
    case 'run_started':
      return dialect.user(fact.payload.prompt)
    case 'input':
    case 'compacted':
      return dialect.user(fact.payload.content)
    case 'tool_call':
      return dialect.answer({ content: '', requests: bootstrapRequests(entries) }) ?? []
    case 'agent_message':
      return dialect.answer(fact.payload) ?? []
    case 'bootstrap_result':
    case 'tool_call_finished':
      return dialect.result(internal?.request_id ?? fact.payload.tool_id, toText(fact.payload.result))
    default:
      return []
  }
}

function bootstrapRequests(entries: readonly SavedEntry[]) {
  return entries.flatMap(({ fact, internal }) => {
    if (fact.type !== 'tool_call' || fact.payload.bootstrap !== true) return []
    const { tool_id, tool_name, parameters } = fact.payload
    return { id: internal?.request_id ?? tool_id, name: tool_name, arguments: JSON.stringify(parameters) }
  })
}

/** Only the last answer can have asked for what no entry tells the end of. */
function unmet(entries: readonly SavedEntry[], dialect: Dialect): string[] {
  const last = lastAnswer(entries)
  const fact = entries[last]?.fact
  const asked = fact?.type === 'agent_message' ? fact.payload.requests : bootstrapRequests(entries)
  const met = new Set(
    entries
      .slice(last + 1)
      .filter(({ fact: { type } }) => type === 'tool_call_finished' || type === 'bootstrap_result')
      .map((entry) => entry.internal?.request_id),
  )
  return asked
    .filter((request) => !met.has(request.id))
    .map((request) => dialect.result(request.id, 'This was not done: the run ended before.'))
}

function lastAnswer(entries: readonly SavedEntry[]): number {
  return entries.findLastIndex((entry) => entry.fact.type === 'agent_message')
}

function toText(result: unknown): string {
  return typeof result === 'string' ? result : JSON.stringify(result)
}
