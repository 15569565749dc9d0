import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { findSocketPath } from '@codegen/protocol/socket-path'
import { isProcessAlive } from '#hands/process-stat'
import { parseTarget } from '#link/target'
import type { Target } from '#link/target'
import { startLocalServer } from '#local/server'
import type { LocalServer } from '#local/server'
import { takeOver } from '#local/take-over'
import type { HandedOver } from '#local/take-over'
import { privateMaestroUrl, startPrivateMaestro } from '#maestro/private-maestro'
import type { Traces } from '#opentelemetry/traces'
import { checkJournalOf } from './compose-calls.ts'
import { compose } from './compose.ts'
import type { Parts } from './compose.ts'
import { loadConfig } from './config.ts'
import type { Config, Environment } from './config.ts'
import { becomeMainProcess } from '#service/become-main-process'
import { limits } from './limits.ts'
import { createLeaving } from './leaving.ts'
import type { Leaving } from './leaving.ts'
import { openLog } from './log.ts'
import type { Log } from './log.ts'
import { readLastLines } from './log-reader.ts'
import { prepareHome } from './prepare-home.ts'
import { readVersion } from './version.ts'

/** A codegend that runs. */
export type Daemon = Omit<Leaving, 'handOver'> & {
  readonly socketPath: string
  readonly home: string
  /** Notes why this process is about to die, at once. */
  crashed(error: unknown): void
}

export type StartOptions = {
  /** Has the codegend that runs hand over, instead of leaving it its place. */
  readonly takesOver?: boolean
}

/**
 * Starts codegend: the socket first, because it tells who is the first codegend here, then its own Maestro where it has one, then everything else beside
 * that. Fails with one sentence (config.invalid, client.busy) and has then touched nothing of another codegend's.
 */
export async function startDaemon(environment: Environment, { takesOver = false }: StartOptions = {}): Promise<Daemon> {
  const config = loadConfig(environment)
  const given = config.maestroUrl === undefined ? undefined : parseTarget(config.maestroUrl)
  const home = prepareHome(config.home)
  const target = given ?? parseTarget(privateMaestroUrl(home))
  const version = readVersion()
  const { path: socketPath, isDefault } = findSocketPath(environment, environment['HOME'] || homedir())
  const logFile = join(home, 'log', 'codegend.log')
  const log = openLog(logFile)
  const traces = await loadTraces(config, { version, log })
  let parts: Parts | undefined
  const leaving = createLeaving({ parts: () => parts, server: () => server, traces, log })
  const { handOver, ...ways } = leaving
  const serve = (): Promise<LocalServer> =>
    startLocalServer({
      socketPath,
      isOwnFolder: isDefault,
      version,
      daemon: {
        ...toLateDaemon(() => parts?.daemon),
        shutdown: () => void leaving.stop('a client asked for it'),
        handOver,
        logs: { last: (count, filter) => readLastLines(logFile, count, filter), subscribe: log.subscribe },
      },
      log,
    })
  const taking = { socketPath, version, home, target, log }
  const { server, earlier } = takesOver ? await takePlace(serve, taking) : { server: await serve(), earlier: undefined }
  // No client is served before this turn of the event loop has ended.
  const maestro = given ? undefined : startPrivateMaestro({ home, environment: config.maestroEnvironment, log })
  try {
    const toolsChanged = server.announceTools
    parts = compose({ config, target, home, socketPath, version, log, maestro, traces, toolsChanged })
  } catch (error) {
    await server.close()
    await maestro?.stop()
    earlier?.release()
    throw error
  }
  log.info('started', { version, home, socketPath })
  if (process.getuid?.() === 0) log.warn('codegend runs as root: what a tool does, it does as root')
  if (earlier) await release(earlier, environment, log)
  return { socketPath, home, ...ways, crashed: (error) => log.error('codegend crashed', error) }
}

type Taking = { socketPath: string; version: string; home: string; target: Target; log: Log }

type Place = { readonly server: LocalServer; readonly earlier: HandedOver | undefined }

/**
 * Serves in the place of the codegend that runs. What would keep this one from running is found before that one is asked; where yet another one was quicker, that one
 * is asked in its turn.
 */
async function takePlace(serve: () => Promise<LocalServer>, taking: Taking): Promise<Place> {
  const { socketPath, version, home, target, log } = taking
  checkJournalOf(home, target.shown)
  for (let tries = 1; ; tries += 1) {
    const earlier = await takeOver(socketPath, version, (pid) => isProcessAlive({ pid }))
    if (earlier) log.info('took over', { from: earlier.pid, callsOpen: earlier.callsOpen })
    try {
      return { server: await serve(), earlier }
    } catch (failure) {
      earlier?.release()
      const wasLate = failure instanceof Failure && failure.code === 'client.busy'
      if (!wasLate || tries >= limits.claimSocketTriesMax) throw failure
    }
  }
}

/** Systemd is told before the earlier one may leave: it must not take that for the end of all. */
async function release(earlier: HandedOver, environment: Environment, log: Log): Promise<void> {
  const refusal = await becomeMainProcess(environment)
  if (refusal !== undefined) log.warn('systemd does not watch this codegend', { reason: refusal })
  earlier.release()
}

/** The library for traces is read only where there is somewhere to send them. */
async function loadTraces({ tracesUrl }: Config, of: { version: string; log: Log }): Promise<Traces | undefined> {
  if (tracesUrl === undefined) return undefined
  const { openTraces } = await import('#opentelemetry/traces')
  const service = { name: 'codegend', version: of.version, instance: `${hostname()}-${process.pid}` }
  return openTraces({ url: tracesUrl, service, warn: (message) => of.log.warn(message) })
}

/** The daemon clients talk to, whose parts are built right after the socket is there. */
function toLateDaemon(find: () => Parts['daemon'] | undefined): Parts['daemon'] {
  const parts = (): Parts['daemon'] => {
    const found = find()
    if (found) return found
    throw new Failure('client.busy', 'codegend is just starting; try again.')
  }
  return {
    status: () => parts().status(),
    tools: (cwd) => parts().tools(cwd),
    callTool: async (...wish) => parts().callTool(...wish),
    doctor: async (signal) => parts().doctor(signal),
    startRun: async (...wish) => parts().startRun(...wish),
    attachRun: async (...wish) => parts().attachRun(...wish),
    listRuns: async (...wish) => parts().listRuns(...wish),
    getRun: async (...wish) => parts().getRun(...wish),
    cancelRun: async (...wish) => parts().cancelRun(...wish),
    inputRun: async (...wish) => parts().inputRun(...wish),
    plugins: {
      list: () => parts().plugins.list(),
      allow: async (...wish) => parts().plugins.allow(...wish),
      enable: async (...wish) => parts().plugins.enable(...wish),
      disable: async (...wish) => parts().plugins.disable(...wish),
      reload: async () => parts().plugins.reload(),
      check: async (folder) => parts().plugins.check(folder),
      remove: async (...wish) => parts().plugins.remove(...wish),
      dev: { open: async (...wish) => parts().plugins.dev.open(...wish) },
      logs: {
        last: async (...wish) => parts().plugins.logs.last(...wish),
        subscribe: (listener) => parts().plugins.logs.subscribe(listener),
      },
      trust: async (cwd) => parts().plugins.trust(cwd),
      untrust: async (cwd) => parts().plugins.untrust(cwd),
      untrusted: async (cwd) => parts().plugins.untrusted(cwd),
    },
    approvals: {
      list: () => parts().approvals.list(),
      respond: (...answer) => parts().approvals.respond(...answer),
      subscribe: (watcher) => parts().approvals.subscribe(watcher),
    },
  }
}
