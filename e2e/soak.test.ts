import fc from 'fast-check'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import tap, { test } from 'tap'
import { createRandom } from '#chaos/random'
import { judge } from '#soak/judge'
import type { Sample } from '#soak/judge'
import { judgeFigures, toTable } from '#soak/report'
import { startWatched } from '#soak/watched-process'

// The judge of the soak is judged here: a leak has to be found under noise, and noise alone is none.

tap.setTimeout(120_000)
const bound = { growthMax: 5, perHourMax: 30 }
const everyMs = 5_000

/** Samples of ten minutes: a level, a slope an hour, and noise that remembers what it was a moment ago. */
function series(
  seed: number,
  {
    slope = 0,
    noise = 0,
    memory = 0,
    count = 120,
  }: { slope?: number; noise?: number; memory?: number; count?: number },
): Sample[] {
  const random = createRandom(seed)
  let last = 0
  return Array.from({ length: count }, (_, index) => {
    last = memory * last + noise * (random.next() + random.next() - 1)
    return { atMs: index * everyMs, value: 100 + (slope * index * everyMs) / 3_600_000 + last }
  })
}

test('a level with noise is flat, whatever the noise and however it lingers', (t) => {
  let wrong = 0
  const seeds = Array.from({ length: 400 }, (_, seed) => seed)
  for (const seed of seeds) {
    const samples = series(seed, { noise: 1 + (seed % 10), memory: (seed % 4) / 4 })
    if (judge(samples, bound).verdict !== 'flat') wrong += 1
  }
  // One interval of 95 % leaves one in forty above by chance; it has to have grown too far as well.
  t.ok(wrong <= 400 / 40, `${wrong} of 400 were said to grow`)
  t.end()
})

test('a leak is found under noise, by its rate or by what it came to', (t) => {
  const found = (options: Parameters<typeof series>[1]): number =>
    Array.from({ length: 100 }, (_, seed) => judge(series(seed, options), bound)).filter(
      ({ verdict }) => verdict === 'grows',
    ).length
  t.equal(found({ slope: 90 }), 100, 'without noise')
  t.ok(found({ slope: 90, noise: 4 }) >= 98, 'with noise')
  t.ok(found({ slope: 120, noise: 3, memory: 0.5 }) >= 98, 'with noise that lingers')
  t.equal(found({ slope: 31 }), 100, 'just above the rate')
  t.equal(found({ slope: 29 }), 0, 'just below it, in ten minutes')
  t.equal(found({ slope: 29, count: 1_200 }), 100, 'the same rate for so long that it came to too much')
  t.end()
})

test('what shrinks is flat, and what nobody could read or too few samples tell of is not', (t) => {
  fc.assert(
    fc.property(fc.integer(), fc.double({ min: 1, max: 1_000, noNaN: true }), (seed, slope) => {
      t.equal(judge(series(seed, { slope: -slope }), bound).verdict, 'flat')
    }),
    { numRuns: 50 },
  )
  t.equal(judge(series(1, { count: 7 }), bound).verdict, 'too few samples')
  t.equal(judge([], bound).verdict, 'too few samples')
  t.equal(judge(series(1, {}).with(50, { atMs: 1, value: NaN }), bound).verdict, 'too few samples')
  t.equal(judge(series(1, { slope: 1_000 }), undefined).verdict, 'told')
  t.end()
})

test('the interval holds the true slope nineteen times of twenty', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: -200, max: 200 }), fc.constantFrom(0, 0.3, 0.6), (slope, memory) => {
      const inside = Array.from({ length: 100 }, (_, seed) => judge(series(seed, { slope, noise: 3, memory }), bound))
      const count = inside.filter(({ perHour, perHourError }) => Math.abs(perHour - slope) <= perHourError).length
      t.ok(count >= 88, `${count} of 100 at ${slope}, ${memory}`)
    }),
    { numRuns: 10, seed: 1 },
  )
  t.end()
})

for (const leaks of [true, false]) {
  test(`a real process that ${leaks ? 'leaks is found to grow' : 'does not leak is found flat'}`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'soak-test-'))
    const watched = await startWatched({
      program: 'e2e/fixtures/idle-program.mjs',
      args: leaks ? ['leak'] : [],
      env: { PATH: process.env['PATH'] },
      logFile: join(folder, 'log'),
      readyLine: /^ready$/,
    })
    t.teardown(async () => {
      await watched.stop()
      await rm(folder, { recursive: true })
    })
    const samples: Sample[] = []
    for (let index = 0; index < 24; index += 1)
      samples.push({ atMs: index * everyMs, value: (await watched.hold()).heap })
    const figure = { of: 'program', what: 'heap', unit: 'MB', bound, samples }
    const findings = judgeFigures([figure])
    t.match(findings, [{ verdict: leaks ? 'grows' : 'flat' }])
    t.match(toTable(findings).at(-1), leaks ? /grows$/ : /flat$/)
    const { descriptors, threads, children } = await watched.hold()
    t.ok(descriptors > 3 && threads > 1)
    t.equal(children, 0)
    t.ok(await watched.stop(), 'it leaves by itself')
  })
}
