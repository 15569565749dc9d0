import type { ApprovalQuestion, DaemonMethods, LogLine, PluginDevNews, PluginLogLine } from '@codegen/protocol/local'
import type { Check, RunEvent, RunFinished, ToolOutputDelta } from '@codegen/protocol/wire'
import type { LogFilter } from '#log-line'

/**
 * What the local socket needs of the rest of codegend. Every promise fails with a Failure that may be shown; a signal is aborted when the client
 * cancels its request or is gone.
 */
export type LocalDaemon = {
  status(): DaemonMethods['daemon/status']['result']
  /** Leaves everything but the calls that run to the codegend that asks. Resolves when the socket is free; fails with client.closed where this one leaves already. */
  handOver(): Promise<DaemonMethods['daemon/hand-over']['result']>
  /** Begins to stop codegend. Called after the client has its answer. */
  shutdown(): void
  /**
   * Starts a run whose events go to `viewer`, from the first one on. Waits for Maestro where it is not connected yet, but not for ever
   * (server.unreachable). The same `client_ref` again is the same run. Once `signal` is aborted no run of this `client_ref` goes on.
   */
  startRun(
    parameters: DaemonMethods['run/start']['parameters'],
    viewer: RunViewer,
    signal: AbortSignal,
  ): Promise<StartedRun>
  /** Shows `viewer` the run's events after `after`, or all of them, then what follows, to its end. Fails with run.unknown. */
  attachRun(
    place: DaemonMethods['run/attach']['parameters'],
    viewer: RunViewer,
    signal: AbortSignal,
  ): Promise<{ detach(): void }>
  listRuns(limit: number, signal: AbortSignal): Promise<RunSummary[]>
  /** One run by its whole id. Fails with run.unknown. */
  getRun(generationId: string, signal: AbortSignal): Promise<RunSummary>
  /** Resolves when the request is on record. Fails with run.unknown or run.finished. */
  cancelRun(generationId: string, reason: string, signal: AbortSignal): Promise<void>
  /** Resolves when the input is on record. Fails with run.unknown, run.finished or run.busy. */
  inputRun(input: DaemonMethods['run/input']['parameters'], signal: AbortSignal): Promise<void>
  /** With `cwd` also those of the project that folder lies in. */
  tools(cwd?: string): DaemonMethods['tools/list']['result']['tools']
  /**
   * Runs one call that a client asked for to its end, whichever that is. `begun` hears the run it counts as before any question or output. Fails with
   * tool.unknown, tool.bad_arguments or request.invalid: nothing was run then.
   */
  callTool(
    call: ToolCall,
    watcher: ToolCallWatcher,
    signal: AbortSignal,
  ): Promise<DaemonMethods['tools/call']['result']>
  plugins: Plugins
  approvals: Approvals
  logs: Logs
  /** Looks at everything this codegend needs. Bounded; never fails. */
  doctor(signal: AbortSignal): Promise<Check[]>
}

export type ToolCall = DaemonMethods['tools/call']['parameters']

export type ToolCallWatcher = { begun(generationId: string): void; output(delta: ToolOutputDelta): void }

/** The plugins in `plugins/`. What names one fails with plugin.unknown, and answers with what became of it. */
export type Plugins = {
  list(): PluginRow[]
  allow(name: string, options?: { cwd?: string; unconfined?: boolean }): Promise<PluginRow>
  enable(name: string, cwd?: string): Promise<PluginRow>
  disable(name: string, cwd?: string): Promise<PluginRow>
  reload(): Promise<PluginRow[]>
  trust(cwd: string): Promise<DaemonMethods['plugins/trust']['result']>
  untrust(cwd: string): Promise<DaemonMethods['plugins/untrust']['result']>
  /** The project that `cwd` lies in, where it brings plugins and is not trusted. */
  untrusted(cwd: string): Promise<string | undefined>
  /** What a folder would be as a plugin. Fails with plugin.refused. */
  check(folder: string): Promise<DaemonMethods['plugins/check']['result']>
  remove(name: string, withData: boolean): Promise<DaemonMethods['plugins/remove']['result']>
  readonly dev: {
    /** Serves a folder until it is closed. Fails with plugin.refused. */
    open(folder: string, tell: (news: PluginDevNews) => void): Promise<PluginInDev>
  }
  readonly logs: {
    last(plugin: string, count: number): Promise<PluginLogLine[]>
    /** Tells of each line of whichever plugin. Returns the end of that. */
    subscribe(listener: (line: PluginLogLine) => void): () => void
  }
}

/** A plugin that is served from its author's folder. */
export type PluginInDev = {
  name(): string | undefined
  listed(): PluginRow
  allow(permissions: PluginRow['permissions'], command?: readonly string[]): Promise<PluginRow>
  close(): void
}

type PluginRow = DaemonMethods['plugins/list']['result']['plugins'][number]

/** This codegend's log. */
export type Logs = {
  /** The newest wanted lines, oldest first. */
  last(count: number, filter: LogFilter): Promise<LogLine[]>
  /** Tells of each line as it is written, as the file has it. Returns the end of that. */
  subscribe(listener: (line: string) => void): () => void
}

/** Somebody who watches one run. Events come in order; nothing comes after `finished`, nor after a detach. */
export type RunViewer = { event(event: RunEvent): void; finished(outcome: RunFinished): void }

export type StartedRun = DaemonMethods['run/start']['result'] & { detach(): void }

export type RunSummary = DaemonMethods['run/get']['result']

/** The questions that wait for the owner. */
export type Approvals = {
  list(): ApprovalQuestion[]
  /** Answers a question; `by` says who did. Fails with run.finished when it is open no more, request.invalid for an unknown option. */
  respond(toolId: string, optionId: string, by: string): void
  /** Tells of each question as it opens and closes. Returns the end of that. */
  subscribe(watcher: ApprovalWatcher): () => void
}

export type ApprovalWatcher = {
  /** Whether it is being put to somebody right now. */
  asked(question: ApprovalQuestion): boolean
  resolved(resolution: { tool_id: string; generation_id: string; outcome: string; by: string }): void
}
