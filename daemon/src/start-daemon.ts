import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { findSocketPath } from '@codegen/protocol/socket-path'
import { parseTarget } from '#link/target'
import { startLocalServer } from '#local/server'
import { startPrivateMaestro } from '#maestro/private-maestro'
import type { Traces } from '#opentelemetry/traces'
import { compose } from './compose.ts'
import type { Parts } from './compose.ts'
import { loadConfig } from './config.ts'
import type { Config, Environment } from './config.ts'
import { openLog } from './log.ts'
import type { Log } from './log.ts'
import { readLastLines } from './log-reader.ts'
import { prepareHome } from './prepare-home.ts'
import { readVersion } from './version.ts'

/** A codegend that runs. */
export type Daemon = {
  readonly socketPath: string
  readonly home: string
  /** Resolves when it has stopped, for whatever reason. */
  readonly stopped: Promise<void>
  /** Notes why this process is about to die, at once. */
  crashed(error: unknown): void
  /** Takes no more clients, ends open calls and their processes, leaves Maestro and stops its own. The same as `stopped` when asked again. */
  stop(reason: string): Promise<void>
}

/**
 * Starts codegend: the socket first, because it tells who is the first codegend here, then its own Maestro where it has one, then everything else beside
 * that. Fails with one sentence (config.invalid, client.busy) and has then touched nothing of another codegend's.
 */
export async function startDaemon(environment: Environment): Promise<Daemon> {
  const config = loadConfig(environment)
  const target = config.maestroUrl === undefined ? undefined : parseTarget(config.maestroUrl)
  const home = prepareHome(config.home)
  const version = readVersion()
  const { path: socketPath, isDefault } = findSocketPath(environment, environment['HOME'] || homedir())
  const logFile = join(home, 'log', 'codegend.log')
  const log = openLog(logFile)
  const traces = await loadTraces(config, { version, log })
  const { promise: stopped, resolve: markStopped } = Promise.withResolvers<void>()
  let parts: Parts | undefined
  let stopping = false

  async function stop(reason: string): Promise<void> {
    if (stopping) return stopped
    stopping = true
    log.info('stopping', { reason })
    await server.close()
    await parts?.stop()
    await traces?.close()
    await log.close()
    markStopped()
    return stopped
  }

  const server = await startLocalServer({
    socketPath,
    isOwnFolder: isDefault,
    version,
    daemon: {
      ...toLateDaemon(() => parts?.daemon),
      shutdown: () => void stop('a client asked for it'),
      logs: { last: (count, filter) => readLastLines(logFile, count, filter), subscribe: log.subscribe },
    },
    log,
  })
  // No client is served before this turn of the event loop has ended.
  const maestro = target ? undefined : startPrivateMaestro({ home, environment: config.maestroEnvironment, log })
  try {
    parts = compose({
      config,
      target: target ?? parseTarget(maestro?.url ?? ''),
      home,
      socketPath,
      version,
      log,
      maestro,
      traces,
    })
  } catch (error) {
    await server.close()
    await maestro?.stop()
    throw error
  }
  log.info('started', { version, home, socketPath })
  if (process.getuid?.() === 0) log.warn('codegend runs as root: what a tool does, it does as root')
  return { socketPath, home, stopped, stop, crashed: (error) => log.error('codegend crashed', error) }
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
    tools: () => parts().tools(),
    callTool: async (...wish) => parts().callTool(...wish),
    doctor: async (signal) => parts().doctor(signal),
    startRun: async (...wish) => parts().startRun(...wish),
    attachRun: async (...wish) => parts().attachRun(...wish),
    listRuns: async (...wish) => parts().listRuns(...wish),
    getRun: async (...wish) => parts().getRun(...wish),
    cancelRun: async (...wish) => parts().cancelRun(...wish),
    inputRun: async (...wish) => parts().inputRun(...wish),
    approvals: {
      list: () => parts().approvals.list(),
      respond: (...answer) => parts().approvals.respond(...answer),
      subscribe: (watcher) => parts().approvals.subscribe(watcher),
    },
  }
}
