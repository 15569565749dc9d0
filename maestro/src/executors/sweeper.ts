import { limits } from '#limits'
import { publishFacts } from '#runs/event-outlet'
import { unshown } from '#runs/log-entry'
import type { SavedEntry } from '#runs/log-entry'
import type { BrainPorts } from '#runs/ports'
import { foldRun } from '#runs/run'
import { toFinished } from '#runs/to-finished'
import { endQueuedRun } from './end-queued-run.ts'
import type { AbandonedEnd, CommunicatorPorts, EndedRun } from './ports.ts'

type SweeperPorts = Pick<CommunicatorPorts, 'store' | 'presence' | 'warn'> & {
  readonly brain: Pick<BrainPorts, 'bus' | 'observer'>
  /** About how often it looks; each time at a moment of its own, so that replicas do not look together. */
  readonly sweepMs: number
}

/**
 * Ends what nobody comes back for: open runs in which nothing has happened for limits.abandonedAfterMs, and starts that nobody took up for as long. Every
 * replica may sweep; each run is ended once.
 */
export function startSweeper(ports: SweeperPorts): { stop(): Promise<void> } {
  /** Runs this release cannot read: they are told of once. */
  const unreadable = new Set<string>()
  let isStopped = false
  let timer: NodeJS.Timeout | undefined
  let sweeping = Promise.resolve()

  const sweep = async (): Promise<void> => {
    try {
      await sweepStarts(ports)
      while (!isStopped && (await sweepRuns(ports, unreadable)));
    } catch (thrown) {
      ports.warn('Abandoned runs could not be ended; they are looked for again.', thrown)
    }
    wait()
  }
  const wait = (): void => {
    if (isStopped) return
    timer = setTimeout(() => void (sweeping = sweep()), ports.sweepMs * (0.5 + Math.random()))
    timer.unref()
  }
  wait()
  return {
    stop() {
      isStopped = true
      clearTimeout(timer)
      return sweeping
    },
  }
}

/** Ends a few runs; true when there may be more. */
async function sweepRuns(ports: SweeperPorts, unreadable: Set<string>): Promise<boolean> {
  const { store, warn } = ports
  const bounds = { afterMs: limits.abandonedAfterMs, runsMax: limits.sweptMax }
  const swept = await store.endAbandoned({ ...bounds, except: [...unreadable], toEnd: toAbandonedEnd })
  for (const run of swept.ended) announce(ports, run)
  for (const { generationId, cause } of swept.unreadable) {
    if (unreadable.size < limits.unreadableMax) unreadable.add(generationId)
    warn(`The abandoned run ${generationId} cannot be read by this release; it stays open.`, cause)
  }
  return swept.found === limits.sweptMax && unreadable.size < limits.unreadableMax
}

function announce({ brain, presence }: SweeperPorts, { entry, ...key }: EndedRun): void {
  brain.observer.runAbandoned('failed')
  publishFacts(brain.bus, key, [entry])
  // A replica that holds it parked tells its executor.
  presence.wake(key)
}

async function sweepStarts({ store, brain }: SweeperPorts): Promise<void> {
  for (const start of await store.abandonedStarts(limits.abandonedAfterMs)) {
    const message = `Nobody took this run up for ${days}: its executor did not come.`
    const ending = { status: 'failed', error: { code: 'run.abandoned', message } } as const
    if (await endQueuedRun({ store, bus: brain.bus }, start, { ending, by: 'maestro' }))
      brain.observer.runAbandoned('failed')
  }
}

const days = `${limits.abandonedAfterMs / 86_400_000} days`

/** The last entry of a run that nobody came back for. Nobody but the executor ends a call, so of those that are open it says that nobody knows. */
function toAbandonedEnd(entries: readonly SavedEntry[]): AbandonedEnd {
  const run = foldRun(entries)
  const open = run.openCalls.size
  const calls = open === 1 ? 'The outcome of 1 open call is' : `The outcomes of ${open} open calls are`
  const unknown = open === 0 ? '' : ` ${calls} unknown; look before you repeat what they did.`
  const message = `Nobody came back for this run for ${days}.${unknown}`
  const fact = toFinished(run, { status: 'failed', error: { code: 'run.abandoned', message } })
  return { ...unshown(fact), fact }
}
