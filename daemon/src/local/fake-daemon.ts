import { Failure } from '@codegen/protocol/failure'
import type { ApprovalQuestion } from '@codegen/protocol/local'
import type { RunEvent } from '@codegen/protocol/wire'
import { isWanted, toLogLine } from '#log-line'
import type { ApprovalWatcher, LocalDaemon, RunSummary, RunViewer } from './ports.ts'

/** What stands behind the socket in its tests: runs are numbered, and the test makes their events. */
export type FakeDaemon = LocalDaemon & {
  readonly viewers: Map<string, Set<RunViewer>>
  readonly started: { prompt: string; signal: AbortSignal }[]
  readonly cancelled: { generationId: string; reason: string }[]
  readonly inputs: object[]
  readonly answers: { toolId: string; optionId: string; by: string }[]
  shutdowns: number
  /** Set: a start waits for it. */
  startGate: Promise<void> | undefined
  runs: RunSummary[]
  logLines: string[]
  readonly logListeners: Set<(line: string) => void>
  emit(generationId: string, event: RunEvent['event']): void
  put(question: ApprovalQuestion): void
  resolve(toolId: string): void
}

const unknownPlugin = async (name: string): Promise<never> => {
  throw new Failure('plugin.unknown', `There is no plugin ${name}.`)
}
const noPlugins: LocalDaemon['plugins'] = {
  list: () => [],
  allow: unknownPlugin,
  enable: unknownPlugin,
  disable: unknownPlugin,
  reload: async () => [],
  check: unknownPlugin,
  remove: unknownPlugin,
  dev: { open: unknownPlugin },
  logs: { last: unknownPlugin, subscribe: () => () => undefined },
  trust: unknownPlugin,
  untrust: unknownPlugin,
  untrusted: async () => undefined,
}

export function createFakeDaemon(): FakeDaemon {
  const viewers = new Map<string, Set<RunViewer>>()
  const watchers = new Set<ApprovalWatcher>()
  const questions = new Map<string, ApprovalQuestion>()
  let events = 0

  function view(generationId: string, viewer: RunViewer): { detach(): void } {
    const watching = viewers.get(generationId) ?? new Set()
    viewers.set(generationId, watching.add(viewer))
    return { detach: () => void watching.delete(viewer) }
  }

  const daemon: FakeDaemon = {
    viewers,
    started: [],
    cancelled: [],
    answers: [],
    inputs: [],
    handOver: async () => ({ pid: process.pid, calls_open: 0 }),
    plugins: noPlugins,
    shutdowns: 0,
    startGate: undefined,
    runs: [],
    logLines: [],
    logListeners: new Set(),
    status: () => ({
      pid: process.pid,
      version: '0.1.0',
      uptime_ms: 5,
      socket: '/s',
      home: '/h',
      executor_id: 'e',
      maestro: { url: 'ws://m', own: false, state: 'connected' },
      runs_open: 0,
      calls_open: 0,
      tools: ['Shell'],
      log_file: '/l',
    }),
    shutdown: () => void (daemon.shutdowns += 1),
    async startRun({ prompt }, viewer, signal) {
      daemon.started.push({ prompt, signal })
      await daemon.startGate
      const generation_id = `g-${daemon.started.length}`
      return { generation_id, session_id: 's', ...view(generation_id, viewer) }
    },
    async attachRun({ generation_id }, viewer) {
      if (!viewers.has(generation_id)) throw new Failure('run.unknown', `There is no run ${generation_id}.`)
      return view(generation_id, viewer)
    },
    listRuns: async (limit) => daemon.runs.slice(0, limit),
    async getRun(generationId) {
      const found = daemon.runs.find((run) => run.generation_id === generationId)
      if (found) return found
      throw new Failure('run.unknown', `There is no run ${generationId}.`)
    },
    async cancelRun(generationId, reason) {
      daemon.cancelled.push({ generationId, reason })
    },
    async inputRun(input) {
      daemon.inputs.push(input)
    },
    async callTool({ name }, watcher) {
      watcher.begun('local-1')
      watcher.output({ generation_id: 'local-1', tool_id: 'call-1', stream: 'stdout', chunk: 'out', offset: 0 })
      return { tool_id: 'call-1', tool_name: name, status: 'success', result: 'out' }
    },
    doctor: async () => [{ name: 'maestro', ok: true, says: 'there' }],
    logs: {
      last: async (count, filter) =>
        daemon.logLines
          .flatMap((text) => toLogLine(text) ?? [])
          .filter((line) => isWanted(line, filter))
          .slice(-count),
      subscribe(listener) {
        daemon.logListeners.add(listener)
        return () => void daemon.logListeners.delete(listener)
      },
    },
    tools: () => [{ name: 'Shell', description: 'Runs.', source: 'built-in' }],
    approvals: {
      list: () => [...questions.values()],
      respond(toolId, optionId, by) {
        if (!questions.has(toolId)) throw new Failure('run.finished', 'This question is open no more.')
        daemon.answers.push({ toolId, optionId, by })
        daemon.resolve(toolId)
      },
      subscribe(watcher) {
        watchers.add(watcher)
        return () => void watchers.delete(watcher)
      },
    },
    emit(generation_id, event) {
      events += 1
      const runEvent = { generation_id, event_id: `${events}-0`, event }
      for (const viewer of viewers.get(generation_id) ?? []) viewer.event(runEvent)
    },
    put(question) {
      questions.set(question.tool_id, question)
      for (const watcher of watchers) watcher.asked(question)
    },
    resolve(tool_id) {
      const generation_id = questions.get(tool_id)?.generation_id ?? ''
      questions.delete(tool_id)
      for (const watcher of watchers) watcher.resolved({ tool_id, generation_id, outcome: 'allowed', by: 'someone' })
    },
  }
  return daemon
}
