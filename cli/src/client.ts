import { Failure, toFailure } from '@codegen/protocol/failure'
import type { ApprovalQuestion, DaemonMethods, Notifications } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer, PeerOptions, RequestOptions } from '@codegen/protocol/peer'
import { parseTraceparent } from '@codegen/protocol/traceparent'
import type { Connection } from './dial.ts'
import {
  isDevNews,
  isLogLine,
  isObject,
  isPluginLogLine,
  isQuestion,
  isResolution,
  isRunEvent,
  isRunFinished,
  isToolOutput,
} from './parse-news.ts'
import { version } from './version.ts'

type Parameters<Name extends keyof DaemonMethods> = DaemonMethods[Name]['parameters']
type Result<Name extends keyof DaemonMethods> = DaemonMethods[Name]['result']

/** A plugin as codegend shows it. */
export type Plugin = Result<'plugins/list'>['plugins'][number]

/** codegend as the CLI knows it: a method a call. Each fails with the daemon's Failure, or client.closed when it is gone. */
export type Client = {
  startRun(parameters: Parameters<'run/start'>, signal: AbortSignal): Promise<Result<'run/start'>>
  attachRun(parameters: Parameters<'run/attach'>): Promise<Result<'run/attach'>>
  getRun(generationId: string): Promise<Result<'run/get'>>
  listRuns(limit: number): Promise<Result<'run/list'>['runs']>
  cancelRun(generationId: string, reason: string): Promise<void>
  inputRun(parameters: Parameters<'run/input'>): Promise<Result<'run/input'>>
  status(): Promise<Result<'daemon/status'>>
  doctor(): Promise<Result<'daemon/doctor'>>
  tailLogs(parameters: Parameters<'logs/tail'>): Promise<Result<'logs/tail'>>
  /** Asks codegend to leave; a codegend of another version too. */
  shutdown(): Promise<Result<'daemon/shutdown'>>
  /** Runs one tool. Aborting `signal` cancels it. */
  callTool(parameters: Parameters<'tools/call'>, signal: AbortSignal): Promise<Result<'tools/call'>>
  /** What there is for whoever works in `cwd`. */
  listTools(cwd: string): Promise<Result<'tools/list'>['tools']>
  listPlugins(cwd: string): Promise<Result<'plugins/list'>>
  allowPlugin(name: string, options: { cwd: string; unconfined?: boolean }): Promise<Plugin>
  enablePlugin(name: string, cwd: string): Promise<Plugin>
  disablePlugin(name: string, cwd: string): Promise<Plugin>
  trustProject(cwd: string): Promise<Result<'plugins/trust'>>
  untrustProject(cwd: string): Promise<Result<'plugins/untrust'>>
  reloadPlugins(): Promise<Plugin[]>
  /** What a folder would be as a plugin. */
  checkPlugin(folder: string): Promise<Result<'plugins/check'>>
  removePlugin(name: string, withData: boolean): Promise<Result<'plugins/remove'>>
  tailPluginLog(parameters: Parameters<'plugins/logs'>): Promise<Result<'plugins/logs'>['lines']>
  /** Serves a folder until this client leaves. */
  developPlugin(folder: string): Promise<Plugin>
  allowDeveloped(asked: Pick<Plugin, 'permissions' | 'command'>): Promise<Plugin>
  /** Resolves when the connection has ended, from whichever side. */
  readonly closed: Promise<Failure>
  close(): void
}

/** What the daemon tells of its own accord. */
export type ClientEvents = {
  event?(event: Notifications['run/event']): void
  finished?(outcome: Notifications['run/finished']): void
  toolOutput?(output: Notifications['tools/output']): void
  logLine?(line: Notifications['logs/line']): void
  pluginLogLine?(line: Notifications['plugins/log-line']): void
  pluginDevNews?(news: Notifications['plugins/dev-news']['news']): void
  toolsChanged?(): void
  /** After everything that came in one piece: the moment to write. */
  settled?(): void
  /** How a question ended, before the signal of this client's own voids it. */
  questionResolved?(resolution: Notifications['approval/resolved']): void
  /** Makes this client one that answers questions. `signal` voids the question. */
  question?(question: ApprovalQuestion, signal: AbortSignal): Promise<string>
}

/** Introduces itself on a fresh connection and speaks for it. The first request leaves with the introduction, without waiting for it. */
export function createClient(connection: Connection, events: ClientEvents = {}): Client {
  const { socket } = connection
  const closed = Promise.withResolvers<Failure>()
  const peer: Peer<DaemonMethods> = createPeer<DaemonMethods>({
    ...toReceived(events),
    write: (line) => socket.write(line),
    close(failure) {
      socket.destroy()
      closed.resolve(failure)
    },
    timers: { setTimeout, clearTimeout },
    onFault: (_method, thrown) => peer.close(toFailure(thrown)),
  })
  connection.receive = (chunk) => {
    peer.receive(chunk)
    events.settled?.()
  }
  socket.on('error', () => undefined)
  socket.on('close', () =>
    peer.close(ended('codegend has ended the connection; codegen status tells whether it runs.')),
  )
  socket.cork()
  process.nextTick(() => socket.uncork())
  const introduced = peer.request('initialize', {
    version,
    client: { kind: 'codegen', pid: process.pid },
    can_answer_approvals: events.question !== undefined,
  })

  return { ...toMethods(peer, introduced), closed: closed.promise, close: () => peer.close(ended('codegen has left.')) }
}

function toMethods(peer: Peer<DaemonMethods>, introduced: Promise<unknown>): Omit<Client, 'closed' | 'close'> {
  // Who asks only for the end of a codegend does not wait for being let in.
  introduced.catch(() => undefined)

  async function ask<Name extends keyof DaemonMethods & string>(
    method: Name,
    parameters: Parameters<Name>,
    options?: RequestOptions,
  ): Promise<Result<Name>> {
    const answer = peer.request(method, parameters, options)
    // Of an introduction that failed the daemon's reason is the better one.
    answer.catch(() => undefined)
    await introduced
    return answer
  }

  return {
    startRun: (parameters, signal) =>
      ask('run/start', { ...traceOfCaller(), ...parameters }, { timeoutMs: Infinity, signal }),
    attachRun: (parameters) => ask('run/attach', parameters),
    getRun: (generationId) => ask('run/get', { generation_id: generationId }),
    listRuns: async (limit) => (await ask('run/list', { limit })).runs,
    async cancelRun(generationId, reason) {
      await ask('run/cancel', { generation_id: generationId, reason })
    },
    inputRun: (parameters) => ask('run/input', parameters),
    status: () => ask('daemon/status', {}),
    doctor: () => ask('daemon/doctor', {}),
    tailLogs: (parameters) => ask('logs/tail', parameters),
    shutdown: () => peer.request('daemon/shutdown', {}),
    callTool: (parameters, signal) => ask('tools/call', parameters, { timeoutMs: Infinity, signal }),
    listPlugins: (cwd) => ask('plugins/list', { cwd }),
    allowPlugin: async (name, options) => (await ask('plugins/allow', { name, ...options })).plugin,
    enablePlugin: async (name, cwd) => (await ask('plugins/enable', { name, cwd })).plugin,
    disablePlugin: async (name, cwd) => (await ask('plugins/disable', { name, cwd })).plugin,
    trustProject: (cwd) => ask('plugins/trust', { cwd }),
    untrustProject: (cwd) => ask('plugins/untrust', { cwd }),
    listTools: async (cwd) => (await ask('tools/list', { cwd })).tools,
    reloadPlugins: async () => (await ask('plugins/reload', {})).plugins,
    checkPlugin: (folder) => ask('plugins/check', { folder }),
    removePlugin: (name, withData) => ask('plugins/remove', { name, with_data: withData }),
    tailPluginLog: async (parameters) => (await ask('plugins/logs', parameters)).lines,
    developPlugin: async (folder) => (await ask('plugins/dev', { folder })).plugin,
    allowDeveloped: async (asked) => (await ask('plugins/dev-allow', asked)).plugin,
  }
}

/** Whoever called codegen may have a trace of its own (a CI job); the run becomes part of it. */
function traceOfCaller(): Pick<Parameters<'run/start'>, 'traceparent'> {
  const traceparent = process.env['TRACEPARENT']
  return traceparent !== undefined && parseTraceparent(traceparent) ? { traceparent } : {}
}

function toReceived({
  event,
  finished,
  logLine,
  toolOutput,
  pluginLogLine,
  pluginDevNews,
  toolsChanged,
  questionResolved,
  question,
}: ClientEvents): Pick<PeerOptions, 'methods' | 'notifications'> {
  const notifications: PeerOptions['notifications'] = {
    'run/event'(news) {
      if (isRunEvent(news)) event?.(news)
    },
    'run/finished'(news) {
      if (isRunFinished(news)) finished?.(news)
    },
    'tools/output'(news) {
      if (isToolOutput(news)) toolOutput?.(news)
    },
    'tools/changed': () => toolsChanged?.(),
    'approval/resolved'(news) {
      if (isResolution(news)) questionResolved?.(news)
    },
    'logs/line'(news) {
      if (isLogLine(news)) logLine?.(news)
    },
    'plugins/log-line'(news) {
      if (isPluginLogLine(news)) pluginLogLine?.(news)
    },
    'plugins/dev-news'(told) {
      if (isObject(told) && isDevNews(told['news'])) pluginDevNews?.(told['news'])
    },
  }
  if (!question) return { notifications }
  const methods: PeerOptions['methods'] = {
    async 'approval/request'(asked, { signal }) {
      if (isQuestion(asked)) return { option_id: await question(asked, signal) }
      throw new Failure('request.invalid', 'This question cannot be put to a person.')
    },
  }
  return { notifications, methods }
}

function ended(sentence: string): Failure {
  return new Failure('client.closed', sentence)
}
