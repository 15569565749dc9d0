import type { BenchPlace } from '#bench-place'
import { findDaemonFamily } from '#daemon-family'
import { measureRun } from '#measure-run'
import type { Row } from '#row'
import { median } from '#statistics'
import { usageOf } from '#usage-of-processes'

const turns = 200

/** Two hundred turns that print 20 kB each: what keeps a long run from growing. */
export async function measureLongRun(place: BenchPlace): Promise<Row[]> {
  const agent = { ...place.codegen, parameters: [...place.codegen.parameters, '--max-turns', '300'] }
  await measureRun(place.codegen, place.model, { prompt: 'say hello' })
  const { exchanges, turnsMs } = await measureRun(agent, place.model, { prompt: 'take two hundred turns' })
  const { daemon, maestro } = await findDaemonFamily(place)
  const early = median(turnsMs.slice(1, 20))
  const late = median(turnsMs.slice(-20))
  return [
    {
      what: '200 turns of 20 kB: longest request',
      unit: 'kB',
      ours: Math.max(...exchanges.map(({ bytes }) => bytes)) / 1000,
      budget: 131,
    },
    { what: '200 turns of 20 kB: summed up', unit: 'times', ours: exchanges.length - turns - 1 },
    { what: '200 turns of 20 kB: turns 180 to 200 to turns 2 to 20', unit: 'x', ours: late / early, budget: 1.25 },
    { what: '200 turns of 20 kB: a turn, median', unit: 'ms', ours: median(turnsMs) },
    {
      what: '200 turns of 20 kB: Maestro, peak memory',
      unit: 'MB',
      ours: usageOf(maestro)?.peakRssMb ?? NaN,
      budget: 120,
    },
    {
      what: '200 turns of 20 kB: codegend, peak memory',
      unit: 'MB',
      ours: usageOf(daemon)?.peakRssMb ?? NaN,
      budget: 90,
    },
  ]
}
