import { setTimeout as wait } from 'node:timers/promises'
import type { BenchPlace } from '#bench-place'
import { findDaemonFamily, readProc } from '#daemon-family'
import type { Row } from '#row'
import { usageOf } from '#usage-of-processes'

const settleMs = 2000
const idleMs = 5000

/** What codegend, its Maestro and their Postgres use while nothing runs. */
export async function measureIdle(place: BenchPlace): Promise<Row[]> {
  await wait(settleMs)
  const { daemon, maestro, postgres } = await findDaemonFamily(place)
  const before = usageOf(daemon)?.cpuMs ?? NaN
  await wait(idleMs)
  const after = usageOf(daemon)
  const cpu = (((after?.cpuMs ?? NaN) - before) / idleMs) * 100
  return [
    { what: 'codegend idle, memory', unit: 'MB', ours: after?.rssMb ?? NaN, budget: 90 },
    { what: 'codegend idle, processor', unit: '%', ours: cpu, budget: 0.05 },
    { what: 'its Maestro, memory', unit: 'MB', ours: usageOf(maestro)?.rssMb ?? NaN, budget: 120 },
    { what: 'their Postgres, memory (shared pages once)', unit: 'MB', ours: sumOfShares(postgres), budget: 40 },
  ]
}

/** Each page counts for as much as each process's share of it. */
function sumOfShares(pids: readonly number[]): number {
  const shares = pids.map((pid) => Number(/^Pss:\s+(\d+) kB/m.exec(readProc(pid, 'smaps_rollup'))?.[1] ?? NaN))
  return shares.length > 0 ? shares.reduce((sum, kilobytes) => sum + kilobytes / 1024, 0) : NaN
}
