import type { BenchPlace } from '#bench-place'
import { measureRun } from '#measure-run'
import type { Agent, Measured } from '#measure-run'
import type { Row } from '#row'
import { median } from '#statistics'

const warmRuns = 15
const coldRuns = 4

/** From the start of the program to the model, and from the model to the exit. Programs take turns, so that a busy moment hits all. */
export async function measureStarts(place: BenchPlace): Promise<Row[]> {
  const prompt = 'say hello'
  const run = (agent: Agent, watch = false) => measureRun(agent, place.model, { prompt, watch })
  const ever = await run(place.codegen)
  const bare: Measured[] = []
  const floor: Measured[] = []
  const ours: Measured[] = []
  for (let count = 0; count < warmRuns; count += 1) {
    bare.push(await run(place.bareNode))
    floor.push(await run(place.floor))
    ours.push(await run(place.codegen))
  }
  const cold: Measured[] = []
  for (let count = 0; count < coldRuns; count += 1) {
    await place.stopDaemon()
    cold.push(await run(place.codegen))
  }
  const watched = await run(place.codegen, true)

  const bareMs = median(bare.map(({ wallMs }) => wallMs))
  const floorExit = median(floor.map(({ exitMs }) => exitMs))
  const first = (runs: readonly Measured[]) => median(runs.map(({ firstMs }) => firstMs))
  return [
    { what: '`node -e 0`, spawn to exit', unit: 'ms', ours: bareMs },
    {
      what: 'spawn to first request, warm',
      unit: 'ms',
      ours: first(ours),
      floor: first(floor),
      budget: 2 * bareMs,
      because: '2 x node -e 0',
    },
    { what: 'the same, nothing running yet', unit: 'ms', ours: first(cold), budget: 1500 },
    { what: 'the same, first start ever', unit: 'ms', ours: ever.firstMs },
    {
      what: 'last byte to exit',
      unit: 'ms',
      ours: median(ours.map(({ exitMs }) => exitMs)),
      floor: floorExit,
      budget: floorExit,
      because: 'floor',
    },
    {
      what: 'first request body',
      unit: 'bytes',
      ours: ever.firstBytes,
      floor: floor[0]?.firstBytes ?? NaN,
      budget: 8000,
    },
    { what: 'codegen, peak memory', unit: 'MB', ours: watched.usage?.peakRssMb ?? NaN, budget: 60 },
  ]
}
