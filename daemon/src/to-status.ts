import type { DaemonMethods } from '@codegen/protocol/local'
import type { LinkState } from '#link/link-state'

type Status = DaemonMethods['daemon/status']['result']

/** What codegend says of itself. */
export function toStatus(now: {
  link: LinkState
  own: boolean
  server: string
  version: string
  home: string
  socketPath: string
  executorId: string
  uptimeMs: number
  runsOpen: number
  callsOpen: number
  callsHeld: number
  tools: readonly string[]
  logFile: string
}): Status {
  return {
    pid: process.pid,
    version: now.version,
    uptime_ms: Math.round(now.uptimeMs),
    socket: now.socketPath,
    home: now.home,
    executor_id: now.executorId,
    maestro: { url: now.server, own: now.own, ...toLinkStatus(now.link) },
    runs_open: now.runsOpen,
    calls_open: now.callsOpen,
    calls_held: now.callsHeld,
    tools: [...now.tools],
    log_file: now.logFile,
  }
}

function toLinkStatus(link: LinkState): Pick<Status['maestro'], 'state' | 'epoch' | 'error'> {
  if (link.kind === 'waiting') return { state: link.kind, error: link.failure.message }
  if (link.kind === 'connected' && link.level === 1) return { state: link.kind, epoch: link.epoch }
  return { state: link.kind }
}
