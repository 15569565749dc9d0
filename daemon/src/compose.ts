import { createHash } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { createApprovals } from '#calls/approvals'
import { createCalls } from '#calls/calls'
import { interruptCalls } from '#calls/interrupted-calls'
import { createKnownRuns } from '#calls/known-runs'
import type { CallReports } from '#calls/ports'
import { toCommandEnvironment } from '#hands/command-environment'
import { createProcessGroups, endProcessGroup } from '#hands/process-group'
import type { ProcessGroups } from '#hands/process-group'
import { readBootId } from '#journal/boot-id'
import { openJournal } from '#journal/journal'
import type { Journal } from '#journal/journal'
import { toHandshake } from '#link/handshake'
import { loadIdentity } from '#link/identity'
import { createLink } from '#link/link'
import { createOutbox } from '#link/outbox'
import { receiveFrame } from '#link/receive'
import { toReports } from '#link/reports'
import { createRunDesk } from '#link/run-desk'
import { createRuns } from '#link/runs'
import { createSeedRuns } from '#link/seed-runs'
import { createPendingStarts } from '#link/starts'
import { parseTarget } from '#link/target'
import { createViewers } from '#link/viewers'
import type { LocalDaemon } from '#local/ports'
import type { PrivateMaestro } from '#maestro/private-maestro'
import { createCallContexts } from '#plugins/call-context'
import { createPluginHost } from '#plugins/host'
import { builtInPlugins } from './built-in.ts'
import type { Config, Environment } from './config.ts'
import type { Log } from './log.ts'
import { toStatus } from './to-status.ts'

/** Everything of a codegend but its socket. */
export type Parts = {
  readonly daemon: Omit<LocalDaemon, 'shutdown'>
  /** In reverse: open calls and their processes end, then the link, then its own Maestro. */
  stop(): Promise<void>
}

export type ComposeOptions = {
  readonly config: Config
  readonly environment: Environment
  /** Real path. */
  readonly home: string
  readonly socketPath: string
  readonly version: string
  readonly log: Log
  readonly maestro: PrivateMaestro | undefined
}

/** Builds the parts, ties them together and starts the link. Fails with config.invalid: the URL of Maestro, or a journal of a newer release. */
export function compose({ config, environment, home, socketPath, version, log, maestro }: ComposeOptions): Parts {
  const startedAt = performance.now()
  const target = parseTarget(config.maestroUrl ?? maestro?.url ?? '')
  const token = maestro ? maestro.token : config.token
  const access = async (signal: AbortSignal) => {
    await maestro?.ready(signal)
    return { target, token }
  }

  const identity = loadIdentity(home)
  const journal = openServerJournal(home, target.shown, log)
  const groups = journaledGroups(createProcessGroups(), journal)
  const host = createPluginHost(builtInPlugins)
  const contexts = createCallContexts({
    home,
    environment: toCommandEnvironment(environment, config.commandEnvironment),
    groups,
    log,
  })
  const runs = createKnownRuns(journal, contexts.forgetRun)

  const outbox = createOutbox(log)
  const viewers = createViewers()
  const serverRuns = createRuns({ known: runs, outbox, viewers, starts: createPendingStarts() })
  const seedRuns = createSeedRuns({
    known: runs,
    viewers,
    toolNames: host.toolNames,
    log,
    calls: () => calls,
    upgraded: () => link.redial(0),
  })
  const reports = routeReports(toReports(outbox), seedRuns)
  const approvals = createApprovals(reports)
  const calls = createCalls({ journal, host, reports, contexts, approvals, runs, remoteRoots: config.remoteRoots, log })

  const { executorId } = identity
  const link = createLink({
    access,
    identity,
    handshake: (epoch) =>
      toHandshake({
        executorId,
        epoch,
        journalId: journal.id,
        version,
        toolNames: host.toolNames,
        openToolIds: journal.openToolIds(),
      }),
    connected(connection) {
      serverRuns.welcomed(connection.welcome)
      outbox.connect(connection)
      serverRuns.watchAgain()
    },
    disconnected: outbox.disconnect,
    frame: (frame) => receiveFrame(frame, { calls, runs: serverRuns, outbox, log, drain: link.redial }),
    log,
  })
  const desk = createRunDesk({ executorId, link, runs: serverRuns, seedRuns, access })
  const starting = begin()

  async function begin(): Promise<void> {
    await interruptCalls(journal, { endOrphan: endProcessGroup, log })
    for (const result of journal.unstoredResults()) reports.result(result)
    link.start()
    await host.load()
  }
  starting.catch((error: unknown) => log.error('codegend could not begin its work', error))

  return {
    daemon: {
      ...desk,
      status: () =>
        toStatus({
          link: link.state(),
          own: maestro !== undefined,
          server: target.shown,
          version,
          home,
          socketPath,
          executorId,
          uptimeMs: performance.now() - startedAt,
          runsOpen: runs.openCount(),
          callsOpen: calls.openCount(),
          tools: host.toolNames,
        }),
      tools: () => host.list(),
      approvals,
    },
    async stop() {
      await calls.stop()
      await groups.killAll('SIGKILL')
      seedRuns.stop()
      await link.stop()
      await maestro?.stop()
      journal.close()
    },
  }
}

/** Each server has a journal of its own: what was done for one is never told to another. */
function openServerJournal(home: string, server: string, log: Log): Journal {
  const folder = join(home, 'journal')
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const name = createHash('sha256').update(server).digest('hex').slice(0, 16)
  return openJournal({ path: join(folder, `${name}.log`), bootId: readBootId(), log })
}

/** Process groups that the next codegend can find, should this one be killed. */
function journaledGroups(groups: ProcessGroups, journal: Journal): ProcessGroups {
  return {
    ...groups,
    add(pid, toolId) {
      const group = groups.add(pid, toolId)
      if (group.startTime !== undefined) journal.append({ kind: 'process', toolId, pid, startTime: group.startTime })
      return group
    },
  }
}

/** A run at a server of level 0 gets its results on its own connection, and nothing else. */
function routeReports(reports: CallReports, seedRuns: ReturnType<typeof createSeedRuns>): CallReports {
  return {
    result: (result) => (seedRuns.has(result.generation_id) ? seedRuns.result(result) : reports.result(result)),
    output: (delta) => (seedRuns.has(delta.generation_id) ? undefined : reports.output(delta)),
    approvalRequested: (asked) => (seedRuns.has(asked.generation_id) ? undefined : reports.approvalRequested(asked)),
    approvalResolved: (how) => (seedRuns.has(how.generation_id) ? undefined : reports.approvalResolved(how)),
  }
}
