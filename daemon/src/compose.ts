import { join } from 'node:path'
import type { CallSinks } from '#calls/ports'
import { createRemoteAnswers } from '#calls/remote-answers'
import { toHandshake, toKnown } from '#link/handshake'
import { isOfThisMachine } from '#link/run-place'
import { settlesWithin } from '#hands/settles-within'
import { loadIdentity } from '#link/identity'
import { createLink } from '#link/link'
import type { Link } from '#link/link'
import { createOutbox } from '#link/outbox'
import type { Outbox } from '#link/outbox'
import { receiveFrame } from '#link/receive'
import { toReports } from '#link/reports'
import { createRunDesk } from '#link/run-desk'
import type { RunDesk } from '#link/run-desk'
import { createRunNews } from '#link/run-news'
import { createRunRequests } from '#link/run-requests'
import { createSeedRuns } from '#link/seed-runs'
import type { Access } from '#link/send'
import { createPendingStarts } from '#link/starts'
import type { Target } from '#link/target'
import { tellJudged } from '#link/tell-judged'
import { createToolNews } from '#link/tool-news'
import type { ToolNews } from '#link/tool-news'
import { createViewers } from '#link/viewers'
import type { LocalDaemon } from '#local/ports'
import type { ForeignPlugins } from '#plugins/foreign-plugins'
import type { PrivateMaestro } from '#maestro/private-maestro'
import type { Traces } from '#opentelemetry/traces'
import { composeCalls } from './compose-calls.ts'
import type { CallsSide, HandedOver } from './compose-calls.ts'
import type { Check } from '@codegen/protocol/wire'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import { toListing } from './to-listing.ts'
import { limits } from './limits.ts'
import { toStatus } from './to-status.ts'

/** Everything of a codegend but its socket. */
export type Parts = {
  readonly daemon: Omit<LocalDaemon, 'shutdown' | 'handOver' | 'logs'>
  /** Before clients are sent away: what they have asked for stays, because they ask the next codegend for the same. */
  beginLeaving(): void
  /**
   * Leaves Maestro, stops its own, and puts on record which calls go on in this process: everything else is the next codegend's. Answers how many go on, and when
   * the last of them has ended; then, or before, `stop`.
   */
  handOver(): Promise<HandedOver>
  /** In reverse: open calls and their processes end, then the link, then its own Maestro. */
  stop(): Promise<void>
}

export type ComposeOptions = {
  readonly config: Config
  /** Where Maestro is: the configured one, or its own. */
  readonly target: Target
  /** Real path. */
  readonly home: string
  readonly socketPath: string
  readonly version: string
  readonly log: Log
  readonly maestro: PrivateMaestro | undefined
  readonly traces: Traces | undefined
  /** What plugins offer has changed; Maestro hears of it from here. */
  toolsChanged(): void
}

/** Builds the parts, ties them together and starts the link. Fails with config.invalid: a journal of a newer release. */
export function compose(options: ComposeOptions): Parts {
  const { config, target, home, version, log, maestro, traces } = options
  const startedAt = performance.now()
  const outbox = createOutbox(log)
  const sinks: CallSinks = new Map()
  const reports = toReports(outbox, sinks)
  // Plugins are looked at after everything here is built.
  const toolsChanged = (): void => {
    announceTools()
    options.toolsChanged()
  }
  const calls = composeCalls({ config, home, server: target.shown, reports, sinks, traces, toolsChanged, log })
  const access = async (signal: AbortSignal): Promise<Access> => {
    await maestro?.ready(signal)
    return { target, token: maestro ? maestro.token : config.readToken() }
  }
  const { remoteApprovals } = config
  const side = { home, version, log, outbox, sinks, calls, traces, access, remoteApprovals }
  const { link, desk, executorId, stopRuns, beginLeaving, announceTools: announce } = composeLink(side)
  const announceTools = (): void => announce(allNames(calls.host), calls.host.customTools())
  calls
    .recover(isOfThisMachine)
    .then(() => startPlugins(calls.plugins, log))
    .then(link.start)
    .then(calls.host.load)
    .catch((error: unknown) => log.error('codegend could not begin its work', error))

  const status = (): ReturnType<LocalDaemon['status']> =>
    toStatus({
      link: link.state(),
      own: maestro !== undefined,
      server: target.shown,
      executorId,
      uptimeMs: performance.now() - startedAt,
      runsOpen: calls.runs.openCount() - calls.localCalls.openCount(),
      callsOpen: calls.calls.openCount() + calls.heldCount(),
      callsHeld: calls.heldCount(),
      tools: allNames(calls.host),
      logFile: join(home, 'log', 'codegend.log'),
      ...options,
    })
  const looks = { link, shown: target.shown, isOwn: maestro !== undefined, access }
  const doctor = async (signal: AbortSignal): Promise<Check[]> => {
    const { lookAround } = await import('#doctor/doctor')
    return lookAround({ ...looks, toolNames: allNames(calls.host), environment: config.environment }, signal)
  }
  return {
    daemon: {
      ...desk,
      status,
      doctor,
      tools: (cwd = '/') => toListing(calls.host.list(cwd)),
      callTool: calls.localCalls.call,
      approvals: calls.approvals,
      plugins: calls.plugins,
    },
    beginLeaving,
    ...toDeparture({ calls, link, maestro, stopRuns }),
  }
}

/** What plugins offer is in the first handshake where that is known soon. One that takes long is announced when it is there. */
async function startPlugins(plugins: ForeignPlugins, log: Log): Promise<void> {
  const started = plugins.start().catch((error: unknown) => log.error('the plugins could not be started', error))
  await settlesWithin(started, limits.pluginsFirstMsMax)
}

function allNames({ toolNames, customTools }: CallsSide['host']): string[] {
  return toKnown(toolNames, customTools())
}

type Departing = {
  readonly calls: CallsSide
  readonly link: Link
  readonly maestro: PrivateMaestro | undefined
  stopRuns(): void
}

function toDeparture({ calls, link, maestro, stopRuns }: Departing): Pick<Parts, 'handOver' | 'stop'> {
  return {
    async handOver() {
      // What Maestro sends from now on it sends to the next codegend.
      await link.stop()
      stopRuns()
      await maestro?.stop()
      return calls.handOver(isOfThisMachine)
    },
    async stop() {
      await calls.stop()
      stopRuns()
      await link.stop()
      await maestro?.stop()
      calls.close()
    },
  }
}

type LinkSideOptions = {
  readonly home: string
  readonly version: string
  readonly log: Log
  readonly outbox: Outbox
  readonly sinks: CallSinks
  readonly calls: CallsSide
  readonly traces: Traces | undefined
  readonly remoteApprovals: boolean
  access(signal: AbortSignal): Promise<Access>
}

type LinkSide = {
  link: Link
  desk: RunDesk
  executorId: string
  stopRuns(): void
  beginLeaving(): void
  announceTools: ToolNews['announce']
}

function composeLink(options: LinkSideOptions): LinkSide {
  const { home, version, log, outbox, sinks, calls: side, traces, access } = options
  const { runs: known, calls, journal, host } = side
  const identity = loadIdentity(home)
  const { executorId } = identity
  const viewers = createViewers()
  const parts = { known, outbox, viewers, traces, starts: createPendingStarts() }
  const news = createRunNews(parts)
  const toolNews = createToolNews({ outbox, redial: () => link.redial(0) })
  const answers = createRemoteAnswers({
    approvals: side.approvals,
    mayAllow: options.remoteApprovals,
    isWaiting: (toolId) => journal.calls.get(toolId)?.state.kind === 'received',
    judged: (toolId, refusal) => tellJudged(outbox, toolId, refusal),
    log,
  })
  const link = createLink({
    access,
    identity,
    handshake(epoch) {
      toolNews.greeting()
      return toHandshake({
        executorId,
        epoch,
        journalId: journal.id,
        version,
        toolNames: host.toolNames,
        customTools: host.customTools(),
        openToolIds: journal.openToolIds((id) => !isOfThisMachine(id)),
      })
    },
    connected(connection) {
      news.welcomed(connection.welcome)
      toolNews.welcomed(connection.welcome)
      outbox.connect(connection)
      news.watchAgain()
    },
    disconnected() {
      toolNews.disconnected()
      outbox.disconnect()
    },
    frame: (frame) =>
      receiveFrame(frame, { calls, answers, runs: news, outbox, log, drain: (afterMs) => link.redial(afterMs) }),
    log,
  })
  const seedRuns = createSeedRuns({ sinks, known, viewers, calls, tools: host, log, upgraded: () => link.redial(0) })
  const desk = createRunDesk({ executorId, link, runs: createRunRequests(parts), seedRuns, access })
  return {
    link,
    desk,
    executorId,
    stopRuns: seedRuns.stop,
    beginLeaving: parts.starts.leave,
    announceTools: toolNews.announce,
  }
}
