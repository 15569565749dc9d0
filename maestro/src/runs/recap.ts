import { Edit, ReadFile, Shell, WriteFile } from '@codegen/protocol/built-in'
import type { RunFactOf } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { toChangedPaths } from './changed-paths.ts'
import { cutMiddle } from './cut-text.ts'
import type { SavedEntry } from './log-entry.ts'
import type { RecapState } from './recap-state.ts'
import { isPlan, planAfterEdit, planAsRead } from './plan-text.ts'

/** The kept facts of a run, as a fold over its log. */
export type Recap = {
  add(entry: SavedEntry): void
  state(): RecapState
}

type Call = { readonly name: string; readonly parameters: Readonly<Record<string, unknown>> }
type FinishedFact = RunFactOf<'bootstrap_result'> | RunFactOf<'tool_call_finished'>

export function createRecap(start: RecapState = emptyRecap): Recap {
  const calls = new Map<string, Call>()
  let state = start
  return {
    state: () => state,
    add(entry) {
      const { fact } = entry
      if (fact.type === 'tool_call') {
        calls.set(fact.payload.tool_id, { name: fact.payload.tool_name, parameters: fact.payload.parameters })
      } else if (fact.type === 'bootstrap_result' || fact.type === 'tool_call_finished') {
        state = afterCall(state, fact, calls.get(fact.payload.tool_id))
        calls.delete(fact.payload.tool_id)
      } else state = afterWord(state, entry)
    },
  }
}

const emptyRecap: RecapState = {
  earlier: [],
  prompt: '',
  inputs: [],
  plan: '',
  files: [],
  commands: [],
  summary: '',
  results: [],
  answer: '',
}

/** What the next run of the conversation begins with. */
export function carriedRecap(ended: RecapState): RecapState {
  const { earlierMax, earlierCharactersMax } = limits.compaction
  const exchange = {
    prompt: cutMiddle(ended.prompt, earlierCharactersMax),
    answer: cutMiddle(ended.answer, earlierCharactersMax),
  }
  return { ...ended, earlier: newest([...ended.earlier, exchange], earlierMax), prompt: '', inputs: [], results: [] }
}

function afterWord(state: RecapState, { fact, internal }: SavedEntry): RecapState {
  switch (fact.type) {
    case 'run_started':
      return { ...(internal?.recap ?? state), prompt: fact.payload.prompt, answer: '' }
    case 'agent_message': {
      const answer = fact.payload.requests.length === 0 ? fact.payload.content : state.answer
      return { ...state, results: [], answer }
    }
    case 'input': {
      const said = cutMiddle(fact.payload.content, limits.compaction.inputCharactersMax)
      return { ...state, inputs: newest([...state.inputs, said], limits.compaction.inputsMax) }
    }
    case 'compacted':
      return internal?.summary ? { ...state, summary: internal.summary } : state
    default:
      return state
  }
}

function afterCall(state: RecapState, fact: FinishedFact, call: Call | undefined): RecapState {
  const { tool_name, status, result } = fact.payload
  const shown = typeof result === 'string' ? result : JSON.stringify(result)
  const { resultsMax } = limits.compaction
  const results = newest([...state.results, { call: toCallText(tool_name, call), text: shown }], resultsMax)
  const after = { ...state, results }
  if (!call) return after
  if (call.name === Shell.name && fact.type === 'tool_call_finished') return afterCommand(after, fact, call)
  return status === 'success' ? afterSuccess(after, shown, call) : after
}

function afterCommand(state: RecapState, { payload }: FinishedFact, { parameters }: Call): RecapState {
  const { commandsMax, commandCharactersMax } = limits.compaction
  const { command } = parameters
  if (typeof command !== 'string') return state
  const ran = {
    command: cutMiddle(command, commandCharactersMax),
    ending: toEnding(payload.structured) ?? payload.status,
  }
  return { ...state, commands: newest([...state.commands, ran], commandsMax) }
}

function afterSuccess(state: RecapState, shown: string, { name, parameters }: Call): RecapState {
  const files = toChangedPaths(name, parameters).reduce(countChange, state.files)
  return {
    ...state,
    files,
    plan: cutMiddle(toPlan(state.plan, shown, { name, parameters }), limits.compaction.planCharactersMax),
  }
}

function countChange(files: RecapState['files'], path: string): RecapState['files'] {
  const changes = (files.find((file) => file.path === path)?.changes ?? 0) + 1
  const others = files.filter((file) => file.path !== path)
  return newest([...others, { path, changes }], limits.compaction.filesMax)
}

function toPlan(plan: string, shown: string, { name, parameters }: Call): string {
  if (!isPlan(parameters['file_path'])) return plan
  const { content, offset } = parameters
  if (name === WriteFile.name && typeof content === 'string') return content
  if (name === Edit.name) return planAfterEdit(plan, parameters)
  return name === ReadFile.name && offset === undefined ? planAsRead(shown) : plan
}

/** How a command ended, in the words of what Shell returns beside its text. */
function toEnding(structured: unknown): string | undefined {
  if (typeof structured !== 'object' || structured === null) return undefined
  if ('exit_code' in structured) return `exit code ${String(structured.exit_code)}`
  return 'signal' in structured ? `signal ${String(structured.signal)}` : undefined
}

function toCallText(toolName: string, call: Call | undefined): string {
  const parameters = JSON.stringify(call?.parameters ?? {})
  return `${toolName} ${cutMiddle(parameters, limits.compaction.commandCharactersMax)}`
}

function newest<Item>(items: Item[], itemsMax: number): Item[] {
  return items.slice(-itemsMax)
}
