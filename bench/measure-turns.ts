import type { BenchPlace } from '#bench-place'
import { measureRun } from '#measure-run'
import type { Measured } from '#measure-run'
import type { Row } from '#row'
import { median, p95 } from '#statistics'

const runs = 5

/** Fifty turns of one Shell call each. */
export async function measureTurns(place: BenchPlace): Promise<Row[]> {
  const prompt = 'take fifty turns'
  const floor: Measured[] = []
  const ours: Measured[] = []
  await measureRun(place.codegen, place.model, { prompt })
  for (let count = 0; count < runs; count += 1) {
    floor.push(await measureRun(place.floor, place.model, { prompt }))
    ours.push(await measureRun(place.codegen, place.model, { prompt }))
  }
  const turn = median(turnsOf(ours))
  const floorTurn = median(turnsOf(floor))
  return [
    { what: 'a turn, median', unit: 'ms', ours: turn, floor: floorTurn, budget: 2 * floorTurn, because: '2 x floor' },
    {
      what: 'a turn, 95 of 100',
      unit: 'ms',
      ours: p95(turnsOf(ours)),
      floor: p95(turnsOf(floor)),
      budget: 2 * turn,
      because: '2 x median',
    },
    {
      what: 'turns 2 to 11, median',
      unit: 'ms',
      ours: median(turnsOf(ours, 1, 11)),
      floor: median(turnsOf(floor, 1, 11)),
    },
    { what: 'turns 41 to 50, median', unit: 'ms', ours: median(turnsOf(ours, 40)), floor: median(turnsOf(floor, 40)) },
    {
      what: '50 turns, whole run',
      unit: 'ms',
      ours: median(ours.map(wallOf)),
      floor: median(floor.map(wallOf)),
      budget: 700,
    },
  ]
}

function turnsOf(measured: readonly Measured[], from = 0, to = 50): number[] {
  return measured.flatMap(({ turnsMs }) => turnsMs.slice(from, to))
}

function wallOf({ wallMs }: Measured): number {
  return wallMs
}
