import { Failure } from '@codegen/protocol/failure'
import type { RunFinished, RunTool, ToolResult } from '@codegen/protocol/wire'
import { chatDialect } from './chat-dialect.ts'
import type { Dialect, DialectName } from './dialect.ts'
import { dialectNamed } from './dialects.ts'
import { Drive } from './drive.ts'
import type { ParkedDrive } from './drive.ts'
import type { LogEntry, SavedEntry } from './log-entry.ts'
import type { Observer } from './observer.ts'
import type {
  BrainPorts,
  EventBus,
  Hands,
  ModelAnswer,
  ModelFault,
  PublishedEvent,
  RunAppend,
  Toolbelt,
  WaitingInput,
} from './ports.ts'
import { createTranscript } from './request-text.ts'
import type { Transcript } from './request-text.ts'
import { foldRun } from './run.ts'

export const key = { teamId: 'default', generationId: 'g-1' }
const toolsJson =
  '[{"type":"function","function":{"name":"Shell","description":"runs","parameters":{"type":"object"}}}]'
export const toHead = (dialect: Dialect) => ({
  model: 'm',
  toolsJson: dialect.tools(toolsJson),
  systemPrompt: 'be good',
  options: '',
})

/** Nobody measures. */
const silent: Observer = {
  runTaken: () => ({
    traceparentOf: () => undefined,
    modelAsked: () => undefined,
    requestRefused: () => undefined,
    questionClosed: () => undefined,
    toolCalled: () => undefined,
    turnEnded: () => undefined,
    runLeft: () => undefined,
  }),
  appended: () => undefined,
  resultLate: () => undefined,
  runAbandoned: () => undefined,
}

/** A log as Postgres would keep it, with its fence; everything else of the drive is real but the model. */
export function createBench(
  answers: (Partial<ModelAnswer> | ModelFault)[] | ((body: string) => Partial<ModelAnswer> | ModelFault),
  options: {
    turns?: number
    dialect?: DialectName
    contextTokens?: number
    parkAfterMs?: number
    parked?: ParkedDrive | undefined
    /** What is on record already. */
    log?: readonly SavedEntry[]
    results?: (call: RunTool) => string | Partial<ToolResult> | undefined
    /** Called with each request, before it is answered. */
    asked?: (turn: number) => void
    /** Called before a write of the run's end. */
    finishing?: () => void
  } = {},
) {
  const { dialect = 'chat' } = options
  const log: SavedEntry[] = [...(options.log ?? [{ ...startedEntry(options.turns ?? 50), position: 1 }])]
  const bodies: string[] = []
  const published: PublishedEvent[] = []
  const listeners = new Set<(events: readonly PublishedEvent[]) => void>()
  const acknowledged: string[] = []
  const calls: RunTool[] = []
  const cancelled: string[] = []
  const proposed: string[] = []
  const inbox: WaitingInput[] = []
  const taken: string[] = []
  const marks = new Map<string, () => void>()
  let finish: RunFinished | undefined
  let epochInForce = 1
  let minted = 0

  const bus: EventBus = {
    replays: false,
    publish(_key, events) {
      published.push(...events)
      for (const listener of listeners) listener(events)
    },
    subscribe(_key, _scope, listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const ports: BrainPorts = {
    model: {
      defaultModel: async () => 'm',
      warm: async () => undefined,
      requestStyle: () => ({ dialect, options: '' }),
      costMicrosOf: () => undefined,
      contextTokensOf: () => options.contextTokens ?? 128_000,
      async ask(request, signal) {
        bodies.push(request.body)
        options.asked?.(bodies.length)
        const told = typeof answers === 'function' ? answers(request.body) : answers[bodies.length - 1]
        const answer = told ?? { content: 'done' }
        if (answer.kind === 'fault') return answer
        request.onText(answer.content ?? '')
        if (signal.aborted) return { kind: 'fault', failure: new Failure('client.cancelled', 'It was enough.') }
        const usage = { inputTokens: 10, outputTokens: 1, cachedTokens: 0, reasoningTokens: 0 }
        return { kind: 'answer', content: '', requests: [], finishReason: 'stop', usage, ...answer }
      },
    },
    log: {
      append: async (added) => append(added),
      async finish({ inputs, ...added }) {
        options.finishing?.()
        if (inputs !== inbox.length) return 'input-waits'
        return append(added) ? 'finished' : 'lost'
      },
      waitingInputs: async () => inbox.filter(({ clientRef }) => !taken.includes(clientRef)),
      factsAfter: async (_key, position, limit) => log.slice(position, position + limit).map(toPublished),
      async markTaken(_key, clientRefs) {
        taken.push(...clientRefs)
        for (const clientRef of clientRefs) marks.get(clientRef)?.()
      },
    },
    bus,
    safeguards: { endingOf: (run) => (run.cancel ? { status: 'cancelled', error: undefined } : undefined) },
    observer: silent,
    parkAfterMs: options.parkAfterMs ?? 60_000,
    now: () => performance.now(),
    mintId: () => `id-${(minted += 1)}`,
  }
  const append = ({ epoch, length, entries }: RunAppend): boolean => {
    if (epoch !== epochInForce || length !== log.length) return false
    log.push(...entries.map((entry, index) => ({ ...entry, position: length + 1 + index })))
    return true
  }
  const hands: Hands = {
    journalId: 'j-1',
    callTools(sent) {
      for (const call of sent) {
        calls.push(call)
        const result = (options.results ?? (() => 'fine'))(call)
        if (result === undefined) continue
        const { tool_id, generation_id } = call
        const told = typeof result === 'string' ? { result } : { result: '', ...result }
        drive.mailbox.post({ kind: 'result', result: { tool_id, generation_id, status: 'success', ...told } })
      }
    },
    cancelTool(generation_id, tool_id) {
      cancelled.push(tool_id)
      drive.mailbox.post({ kind: 'result', result: { tool_id, generation_id, status: 'cancelled', result: 'stopped' } })
    },
    proposeAnswer: ({ toolId, optionId }) => void proposed.push(`${toolId} ${optionId}`),
    stored: (ref) => acknowledged.push(ref),
    runFinished: (finished) => {
      finish = finished
    },
  }
  const toolbelt: Toolbelt = {
    names: ['Shell'],
    json: toolsJson,
    check: (request) =>
      request.arguments === 'wrong'
        ? { kind: 'wrong', failure: new Failure('tool.bad_arguments', 'Shell was not called.') }
        : { kind: 'call', parameters: toParameters(request.arguments), timeoutMs: undefined },
  }
  const transcript = toTranscript(log, dialect)
  const drive = new Drive({
    key,
    epoch: 1,
    run: foldRun(log),
    transcript,
    hands,
    toolbelt,
    ports,
    ageMs: 0,
    workedMs: 0,
    isClaimed: false,
    parked: options.parked,
  })
  return {
    drive,
    log,
    bodies,
    published,
    acknowledged,
    calls,
    cancelled,
    proposed,
    ports,
    finish: () => finish,
    taken,
    /** Resolves when this command is marked as taken. */
    marked: (clientRef: string) => new Promise<void>((resolve) => marks.set(clientRef, resolve)),
    /** Accepts an input; with `isSilent` the run is not told of it. */
    say(content: string, mode: WaitingInput['mode'] = 'steer', isSilent = false) {
      const input = { clientRef: `ref-${content}`, content, mode, by: 'test' }
      if (!inbox.some(({ clientRef }) => clientRef === input.clientRef)) inbox.push(input)
      if (!isSilent) drive.mailbox.post({ kind: 'input', input })
    },
    loseOwnership: () => {
      epochInForce = 2
    },
  }
}

/** Most tests care for no more of a call than one word. */
function toParameters(text: string): Record<string, unknown> {
  return text.startsWith('{') ? JSON.parse(text) : { command: text }
}

/** The transcript as any replica makes it of a log. */
export function toTranscript(log: readonly SavedEntry[], dialect: DialectName = 'chat'): Transcript {
  const of = dialectNamed(dialect)
  const transcript = createTranscript(of, toHead(of))
  for (const entry of log) transcript.add(entry)
  return transcript
}

export function startedEntry(turns: number): LogEntry {
  return {
    fact: {
      type: 'run_started',
      payload: { generation_id: 'g-1', session_id: 's-1', prompt: 'go', cwd: '/p', mode: 'auto', model: 'm' },
    },
    shown: chatDialect.user('go'),
    internal: { limits: { turns, tokens: 1_000_000, seconds: 3_600 } },
  }
}

function toPublished(entry: SavedEntry): PublishedEvent {
  return { at: { position: entry.position, k: 0 }, type: entry.fact.type, text: JSON.stringify(entry.fact) }
}

export const call = (command: string, id = `c-${command}`) => ({ id, name: 'Shell', arguments: command })
export const typesOf = (log: readonly SavedEntry[]): string[] => log.map((entry) => entry.fact.type)
