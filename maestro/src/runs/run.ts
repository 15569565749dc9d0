import type { RunFactOf, RunMode, RunOutcome, RunTool } from '@codegen/protocol/wire'
import { limits } from '@codegen/protocol/limits'
import { isClose, toRefusedContext } from './context-room.ts'
import type { DialectName } from './dialect.ts'
import type { RunBounds, SavedEntry } from './log-entry.ts'
import type { ToolRequest } from './tool-request.ts'

/** A run as its log tells it: a fold, never changed in place. */
export type Run = {
  readonly generationId: string
  readonly sessionId: string
  readonly cwd: string
  readonly mode: RunMode
  readonly model: string
  /** It was asked for elsewhere: the executor is told with each call where it works. */
  readonly isRemote: boolean
  /** Why its executor's owner will have nothing of it. */
  readonly refusal: string | undefined
  readonly dialect: DialectName
  /** What else each request carries, as JSON members. */
  readonly requestOptions: string
  readonly bounds: RunBounds
  /** W3C trace context of whoever asked for it. */
  readonly traceparent: string | undefined
  /** Position of the last entry; the log's length. */
  readonly length: number
  readonly bootstrap: 'none' | 'open' | 'done'
  readonly turns: number
  readonly usage: {
    readonly inputTokens: number
    readonly outputTokens: number
    readonly cachedTokens: number
    readonly costMicros: number | undefined
  }
  readonly lastAnswer: LastAnswer | undefined
  /** What the last answer asked for and no entry has taken up yet. */
  readonly pendingRequests: readonly ToolRequest[]
  readonly openCalls: ReadonlyMap<string, OpenCall>
  /** Open calls that wait for their owner's answer. */
  readonly openQuestions: ReadonlySet<string>
  /** What its model was last told of: instructions and tools. */
  readonly offered: Pick<RunFactOf<'toolbelt'>['payload'], 'system_digest' | 'tools_digest' | 'tools'> | undefined
  /** Answers in a row that asked for something wrong. */
  readonly wrongAnswers: number
  /** Answers in a row that asked for the same calls. */
  readonly sameAnswers: number
  /** Keys of the inputs that are on record. */
  readonly inputRefs: ReadonlySet<string>
  readonly compactions: {
    /** Within few turns of one another, up to the last. */
    readonly inARow: number
    /** Turns before the last. */
    readonly turn: number
    /** What a refusal as too long taught: less than this fits into the model. */
    readonly contextTokens: number
  }
  readonly cancel: { readonly reason: string; readonly by: string } | undefined
  readonly outcome: RunOutcome | undefined
  /** What went wrong, once it has ended so. */
  readonly error: string | null
}

export type LastAnswer = {
  readonly content: string
  readonly finishReason: string
  readonly requestsKey: string
  readonly hasRequests: boolean
  readonly hasWrong: boolean
}

export type OpenCall = {
  readonly tool: Pick<RunTool, 'tool_name' | 'tool_id' | 'parameters'>
  readonly bootstrap: boolean
  readonly requestId: string
  readonly journalId: string
  readonly timeoutMs: number | undefined
}

/** Folds a whole log. Fails as an assertion when its first entry is not `run_started`. */
export function foldRun(entries: readonly SavedEntry[]): Run {
  const [first, ...rest] = entries
  if (first?.fact.type !== 'run_started') throw new TypeError('A run begins with run_started.')
  return rest.reduce(applyEntry, startedRun(first.fact, first))
}

/** Whether all its open calls wait for their owner's answer. */
export function waitsForPerson({ openCalls, openQuestions }: Run): boolean {
  return openCalls.size > 0 && [...openCalls.keys()].every((toolId) => openQuestions.has(toolId))
}

/** The run after one more entry. */
export function applyEntry(run: Run, entry: SavedEntry): Run {
  return { ...change(run, entry), length: entry.position }
}

function startedRun(fact: RunFactOf<'run_started'>, entry: SavedEntry): Run {
  const { generation_id, session_id, cwd, mode, model } = fact.payload
  return {
    generationId: generation_id,
    sessionId: session_id,
    cwd,
    mode,
    model,
    isRemote: entry.internal?.remote === true,
    refusal: undefined,
    dialect: entry.internal?.dialect ?? 'chat',
    requestOptions: entry.internal?.request_options ?? '',
    bounds: entry.internal?.limits ?? {
      turns: limits.turnsDefault,
      tokens: limits.tokensPerTurnDefault * limits.turnsDefault,
      seconds: limits.runSecondsDefault,
    },
    traceparent: entry.internal?.traceparent,
    offered: undefined,
    length: entry.position,
    bootstrap: 'none',
    turns: 0,
    usage: { inputTokens: 0, outputTokens: 0, cachedTokens: 0, costMicros: undefined },
    lastAnswer: undefined,
    pendingRequests: [],
    openCalls: new Map(),
    openQuestions: new Set(),
    wrongAnswers: 0,
    sameAnswers: 0,
    inputRefs: new Set(),
    compactions: { inARow: 0, turn: 0, contextTokens: Infinity },
    cancel: undefined,
    outcome: undefined,
    error: null,
  }
}

function change(run: Run, entry: SavedEntry): Run {
  const { fact } = entry
  switch (fact.type) {
    case 'tool_call':
      return openCall(run, fact, entry)
    case 'bootstrap_result':
    case 'tool_call_finished':
      return { ...closeCall(run, fact.payload.tool_id, entry), refusal: run.refusal ?? refusalIn(fact) }
    case 'agent_message':
      return answered(run, fact)
    case 'usage':
      return { ...run, usage: addUsage(run.usage, fact) }
    case 'approval_requested':
      return { ...run, openQuestions: new Set([...run.openQuestions, fact.payload.tool_id]) }
    case 'approval_resolved':
      return { ...run, openQuestions: without(run.openQuestions, fact.payload.tool_id) }
    case 'compacted':
      return { ...run, compactions: afterCompaction(run, fact) }
    case 'cancel_requested':
      return { ...run, cancel: { reason: fact.payload.reason, by: fact.payload.by } }
    case 'run_finished':
      return finished(run, fact)
    case 'input':
      return spokenTo(run, fact)
    case 'toolbelt':
      return { ...run, offered: fact.payload }
    case 'run_started':
    case 'claimed':
      return run
  }
}

function openCall(run: Run, fact: RunFactOf<'tool_call'>, entry: SavedEntry): Run {
  const { tool_id, tool_name, parameters, bootstrap } = fact.payload
  const requestId = entry.internal?.request_id ?? tool_id
  const call: OpenCall = {
    tool: { tool_id, tool_name, parameters },
    bootstrap: bootstrap === true,
    requestId,
    journalId: entry.internal?.journal_id ?? '',
    timeoutMs: entry.internal?.timeout_ms,
  }
  return {
    ...run,
    bootstrap: call.bootstrap ? 'open' : run.bootstrap,
    openCalls: new Map([...run.openCalls, [tool_id, call]]),
    pendingRequests: run.pendingRequests.filter((request) => request.id !== requestId),
  }
}

function refusalIn({ payload }: RunFactOf<'bootstrap_result' | 'tool_call_finished'>): string | undefined {
  return payload.error?.code === 'run.refused' ? payload.error.message : undefined
}

function closeCall(run: Run, toolId: string, entry: SavedEntry): Run {
  const openCalls = new Map(run.openCalls)
  openCalls.delete(toolId)
  const bootstrapping = [...openCalls.values()].some((call) => call.bootstrap)
  const wrong = entry.internal?.wrong === true
  const requestId = entry.internal?.request_id
  return {
    ...run,
    openCalls,
    openQuestions: without(run.openQuestions, toolId),
    bootstrap: run.bootstrap === 'open' && !bootstrapping ? 'done' : run.bootstrap,
    pendingRequests: run.pendingRequests.filter((request) => request.id !== requestId),
    wrongAnswers: wrong && run.lastAnswer?.hasWrong === false ? run.wrongAnswers + 1 : run.wrongAnswers,
    lastAnswer: wrong && run.lastAnswer ? { ...run.lastAnswer, hasWrong: true } : run.lastAnswer,
  }
}

function answered(run: Run, fact: RunFactOf<'agent_message'>): Run {
  const { content, finish_reason, requests, turn } = fact.payload
  const requestsKey = JSON.stringify(requests.map((request) => [request.name, request.arguments]))
  const same = requests.length > 0 && run.lastAnswer?.requestsKey === requestsKey
  return {
    ...run,
    turns: turn,
    pendingRequests: requests,
    lastAnswer: {
      content,
      finishReason: finish_reason,
      requestsKey,
      hasRequests: requests.length > 0,
      hasWrong: false,
    },
    sameAnswers: same ? run.sameAnswers + 1 : 1,
    // Only an answer in a row with a wrong one adds up: one that was right in between starts the count anew.
    wrongAnswers: run.lastAnswer?.hasWrong ? run.wrongAnswers : 0,
  }
}

/** Somebody spoke: the answer before is no end any more, and what was asked for in a row begins anew. */
function spokenTo(run: Run, fact: RunFactOf<'input'>): Run {
  const { client_ref } = fact.payload
  return {
    ...run,
    inputRefs: client_ref === undefined ? run.inputRefs : new Set([...run.inputRefs, client_ref]),
    lastAnswer: undefined,
    pendingRequests: [],
    wrongAnswers: 0,
    sameAnswers: 0,
  }
}

function afterCompaction({ compactions }: Run, { payload }: RunFactOf<'compacted'>): Run['compactions'] {
  const { turn, reason, tokens_before } = payload
  const isNear = compactions.inARow > 0 && isClose(turn, compactions.turn)
  const contextTokens = reason === 'refused' ? toRefusedContext(tokens_before) : Infinity
  return {
    inARow: isNear ? compactions.inARow + 1 : 1,
    turn,
    contextTokens: Math.min(compactions.contextTokens, contextTokens),
  }
}

function finished(run: Run, fact: RunFactOf<'run_finished'>): Run {
  const { status, error } = fact.payload
  return { ...run, outcome: status, error: error?.message ?? null, openCalls: new Map(), openQuestions: new Set() }
}

function addUsage(usage: Run['usage'], fact: RunFactOf<'usage'>): Run['usage'] {
  return {
    inputTokens: usage.inputTokens + fact.payload.input_tokens,
    outputTokens: usage.outputTokens + fact.payload.output_tokens,
    cachedTokens: usage.cachedTokens + fact.payload.cached_tokens,
    costMicros:
      fact.payload.cost_micros === undefined ? usage.costMicros : (usage.costMicros ?? 0) + fact.payload.cost_micros,
  }
}

function without(set: ReadonlySet<string>, member: string): ReadonlySet<string> {
  if (!set.has(member)) return set
  const rest = new Set(set)
  rest.delete(member)
  return rest
}
