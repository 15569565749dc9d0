import type { BenchPlace } from '#bench-place'
import { measureRun } from '#measure-run'
import type { Agent, Measured } from '#measure-run'
import type { Row } from '#row'
import { median } from '#statistics'
import { usageOf } from '#usage-of-processes'

const deltas = 4000
const deltaMs = 0.5
const word = 'word '
const runs = 3

/** What a delta costs between model and terminal, at 2,000 a second, beyond what a run of one short answer costs. */
export async function measureDeltas(place: BenchPlace): Promise<Row[]> {
  // codegend and its Maestro have been running for long, as they have at a user's.
  await costOf(place.codegen, place)
  const ours: Cost[] = []
  const floor: Cost[] = []
  for (let count = 0; count < runs; count += 1) {
    ours.push(await costOf(place.codegen, place))
    floor.push(await costOf(place.floor, place))
  }
  return [
    {
      what: 'processor time of a delta',
      unit: 'us',
      ours: median(ours.map(({ deltaUs }) => deltaUs)),
      floor: median(floor.map(({ deltaUs }) => deltaUs)),
      budget: 60,
    },
    {
      what: 'delay of a delta, median',
      unit: 'ms',
      ours: median(ours.map(({ delayMs }) => delayMs)),
      floor: median(floor.map(({ delayMs }) => delayMs)),
      budget: 3,
    },
  ]
}

type Cost = { readonly deltaUs: number; readonly delayMs: number }

async function costOf(agent: Agent, place: BenchPlace): Promise<Cost> {
  const short = await cpuOf(agent, place, 'say hello')
  const long = await cpuOf(agent, place, 'talk for two seconds')
  return { deltaUs: ((long.cpuMs - short.cpuMs) * 1000) / deltas, delayMs: median(delaysOf(long.run)) }
}

/** The processor time of the program and of codegend's family. */
async function cpuOf(agent: Agent, place: BenchPlace, prompt: string): Promise<{ cpuMs: number; run: Measured }> {
  const family = await place.listDaemonFamily()
  const before = sumOf(family)
  const run = await measureRun(agent, place.model, { prompt, watch: true })
  return { cpuMs: (run.usage?.cpuMs ?? NaN) + sumOf(family) - before, run }
}

function sumOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (usageOf(pid)?.cpuMs ?? 0), 0)
}

/** For each piece of output, how long after its last word was due it came. The first word is due when the request has come. */
function delaysOf({ exchanges, output }: Measured): number[] {
  const startedAt = exchanges[0]?.arrivedAt ?? NaN
  let words = 0
  const delays: number[] = []
  for (const { at, text } of output) {
    const more = text.split(word).length - 1
    words += more
    if (more > 0 && words <= deltas) delays.push(at - (startedAt + words * deltaMs))
  }
  return delays
}
