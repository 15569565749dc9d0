import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createApprovals } from '#calls/approvals'
import type { Approvals } from '#calls/approvals'
import { createCalls } from '#calls/calls'
import type { Calls } from '#calls/calls'
import type { LeftBehind } from '#calls/interrupted-calls'
import { interruptCalls } from '#calls/interrupted-calls'
import { watchHeldCalls } from '#calls/held-calls'
import type { HeldCalls } from '#calls/held-calls'
import { createLocalCalls } from '#calls/local-calls'
import type { LocalCalls } from '#calls/local-calls'
import { createKnownRuns } from '#calls/known-runs'
import type { KnownRuns } from '#calls/known-runs'
import type { CallReports, CallSinks } from '#calls/ports'
import type { CallTraces } from '#calls/traces'
import { toCommandEnvironment } from '#hands/command-environment'
import { takeOutputSoFar } from '#hands/output-so-far'
import { createProcessGroups, endProcessGroup } from '#hands/process-group'
import type { ProcessGroups } from '#hands/process-group'
import { identifyProcess, isProcessAlive } from '#hands/process-stat'
import { readBootId } from '#journal/boot-id'
import { checkJournal, openJournal } from '#journal/journal'
import type { Journal } from '#journal/journal'
import { createCallContexts } from '#plugins/call-context'
import { outputFolder } from '#plugins/output-folders'
import { createForeignPlugins } from '#plugins/foreign-plugins'
import type { ForeignPlugins } from '#plugins/foreign-plugins'
import { createPluginHost } from '#plugins/host'
import type { PluginHost } from '#plugins/host'
import type { ToolResult } from '@codegen/protocol/wire'
import { builtInPlugins } from './built-in.ts'
import { checkoutRoots } from './checkout.ts'
import type { Config } from './config.ts'
import { reach } from './crash-points.ts'
import type { Log } from './log.ts'

/** Everything that has to do with running tools on this machine. */
export type CallsSide = {
  readonly journal: Journal
  readonly host: PluginHost
  readonly plugins: ForeignPlugins
  readonly runs: KnownRuns
  readonly approvals: Approvals
  readonly calls: Calls
  readonly localCalls: LocalCalls
  /**
   * Ends what an earlier codegend left behind and reports what Maestro has not confirmed, but for runs nobody can go on with. Before the link is
   * there.
   */
  recover(isLost: (generationId: string) => boolean): Promise<void>
  /** Calls that an earlier codegend still runs. */
  heldCount(): number
  /**
   * Leaves what has started, and the calls of runs that stay, to this process alone, for the next codegend to hear of; the rest is given up. Answers how many go
   * on, and when the last of them has ended.
   */
  handOver(stays: (generationId: string) => boolean): HandedOver
  /** No call and no process of one is left. */
  stop(): Promise<void>
  /** After the last news of Maestro. */
  close(): void
}

export type HandedOver = { readonly count: number; readonly ended: Promise<void> }

export type CallsSideOptions = {
  readonly config: Config
  readonly home: string
  /** Names the server; each has a journal of its own, so that what was done for one is never told to another. */
  readonly server: string
  readonly reports: CallReports
  readonly sinks: CallSinks
  readonly traces: CallTraces | undefined
  /** What plugins offer has changed. */
  toolsChanged(): void
  readonly log: Log
}

export function composeCalls(options: CallsSideOptions): CallsSide {
  const { config, home, server, reports, sinks, traces, log } = options
  const journal = openJournal({ path: journalPath(home, server), bootId: readBootId(), isAlive: isProcessAlive, log })
  const groups = journaledGroups(createProcessGroups(), journal, log)
  const plugins = openPlugins(options)
  const host = createPluginHost(builtInPlugins, plugins)
  const environment = toCommandEnvironment(config.environment, config.commandEnvironment)
  const contexts = createCallContexts({
    home,
    environment,
    clipboardEnvironment: { ...config.environment },
    allowedHosts: config.allowedHosts,
    groups,
    log,
  })
  const runs = createKnownRuns(journal, contexts.forgetRun)
  const approvals = createApprovals(reports)
  const { remoteRoots } = config
  const { hooks } = plugins
  const calls = createCalls({ journal, host, hooks, reports, contexts, approvals, runs, remoteRoots, traces, log })
  const localCalls = createLocalCalls({ calls, runs, host, sinks })
  const left = toLeftBehind(home)
  let held: HeldCalls | undefined
  return {
    journal,
    host,
    plugins,
    runs,
    approvals,
    calls,
    localCalls,
    heldCount: () => journal.held.size,
    async recover(isLost) {
      await interruptCalls(journal, { ...left, isLost, log })
      const report = (result: ToolResult): void => {
        if (!isLost(result.generation_id)) return reports.result(result)
        calls.stored(result.tool_id)
        runs.end(result.generation_id)
      }
      journal.unstoredResults().forEach(report)
      const going = new Set([...journal.held.keys()].map((toolId) => journal.calls.get(toolId)?.generationId))
      for (const generationId of journal.runs.keys())
        if (isLost(generationId) && !going.has(generationId)) runs.end(generationId)
      held = watchHeldCalls({ journal, calls, log, report, isAlive: isProcessAlive, ...left })
    },
    handOver(stays) {
      held?.letGo()
      held = undefined
      const { toolIds, ended } = calls.handOver(stays)
      const tail = journal.handOver({ holder: identifyProcess(process.pid), toolIds }, calls.endHeld)
      return { count: toolIds.length, ended: ended.finally(tail.stop) }
    },
    async stop() {
      await Promise.all([calls.stop(), held?.end()])
      plugins.stop()
      await groups.killAll('SIGKILL')
    },
    close: journal.close,
  }
}

function openPlugins(options: CallsSideOptions): ForeignPlugins {
  const { environment, requirePluginSandbox: requireSandbox } = options.config
  return createForeignPlugins({ ...options, otherRoots: checkoutRoots(), environment, requireSandbox })
}

function toLeftBehind(home: string): LeftBehind {
  return {
    endOrphan: endProcessGroup,
    takeOutput: ({ generationId, toolId }) => takeOutputSoFar(outputFolder(home, generationId), toolId),
  }
}

/** Fails with config.invalid where `composeCalls` would for its journal, and changes nothing. */
export function checkJournalOf(home: string, server: string): void {
  checkJournal(journalPath(home, server))
}

function journalPath(home: string, server: string): string {
  const folder = join(home, 'journal')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  return join(folder, `${createHash('sha256').update(server).digest('hex').slice(0, 16)}.log`)
}

/** Process groups that the next codegend can find, should this one be killed. */
function journaledGroups(groups: ProcessGroups, journal: Journal, log: Log): ProcessGroups {
  return {
    ...groups,
    add(pid, toolId) {
      const group = groups.add(pid, toolId)
      const { startTime } = group
      try {
        if (startTime !== undefined) journal.append({ kind: 'process', toolId, pid, startTime })
        reach('process-noted')
      } catch (error) {
        // The process runs already and is still ended by this codegend; only the next one would not know it.
        log.error('a process could not be written to the journal', error, { toolId })
      }
      return group
    },
  }
}
