import fc from 'fast-check'
import { test } from 'tap'
import { createEventOrder } from '#chaos/event-order'
import { addGaps, noGaps, percentile } from '#chaos/gaps'
import { judgeRun, noFaults, readMarks } from '#chaos/oracle'
import type { Faults, LoggedEntry, Marks } from '#chaos/oracle'
import { createRandom } from '#chaos/random'

// The judge of the trial is judged here: each fault it is there for has to be found, and nothing where there is none.

function entry(type: string, payload: Record<string, unknown> = {}, writer = '1.1'): Omit<LoggedEntry, 'position'> {
  return { type, payload, writer, at: 0 }
}

const call = (toolId: string, label: string): Omit<LoggedEntry, 'position'> =>
  entry('tool_call', { tool_id: toolId, parameters: { command: `sh ./tick ${label} 0.01` } })
const result = (toolId: string, status: string, text: string): Omit<LoggedEntry, 'position'> =>
  entry('tool_call_finished', { tool_id: toolId, status, result: text })
const sound = [
  entry('run_started'),
  call('t-1', 'r1.1a'),
  result('t-1', 'success', 'done r1.1a'),
  entry('input', { client_ref: 'c-1' }),
  entry('run_finished', { status: 'completed' }),
]

function judge(
  entries: readonly Omit<LoggedEntry, 'position'>[],
  marks: Record<string, Marks> = { 'r1.1a': { started: 1, ended: 1 } },
  inputs = ['c-1'],
): Partial<Faults> {
  const run = {
    generationId: 'r1',
    entries: entries.map((one, index) => ({ ...one, position: index + 1 })),
    marks: new Map(Object.entries(marks)),
    inputs,
  }
  return Object.fromEntries(Object.entries(judgeRun(run)).filter(([, found]) => found.length > 0))
}

test('a run as it should be is found so', (t) => {
  t.strictSame(judge(sound), {})
  t.end()
})

test('each fault is found, and named as what it is', (t) => {
  t.match(judge(sound, { 'r1.1a': { started: 2, ended: 2 } }), {
    ranTwice: [/r1\.1a ran 2 times/],
    untrue: [/ended 2 times/],
  })
  const twice = sound.toSpliced(3, 0, result('t-1', 'success', 'done r1.1a'))
  t.match(judge(twice), { recordedTwice: [/t-1 has 2 results/] })
  t.match(judge(sound.toSpliced(1, 0, call('t-0', 'r1.1a'))), { recordedTwice: [/r1\.1a is recorded 2 times/] })
  t.match(judge([...sound, entry('run_finished')]), { recordedTwice: [/2 ends/] })
  t.match(judge(sound, {}), { untrue: [/told as success, and it ended 0 times/] })
  t.match(judge(sound.with(2, result('t-1', 'success', 'done'))), { untrue: [/its output is missing/] })
  for (const status of ['denied', 'error']) {
    t.match(judge(sound.with(2, result('t-1', status, 'no'))), { untrue: [/and it ran/] })
  }
  t.match(judge(sound.with(2, result('t-1', 'cancelled', 'cancelled before it ran'))), { untrue: [/and it ran/] })
  t.match(judge(sound.with(2, result('t-1', 'dreamt', ''))), { untrue: [/that is no outcome/] })
  t.match(judge(sound, { 'r1.1a': { started: 1, ended: 1 }, 'r1.9z': { started: 1, ended: 0 } }), {
    untrue: [/r1\.9z ran and is in no log/],
  })
  t.match(judge(sound.with(3, entry('usage'))), { lostInputs: [/c-1 was acknowledged/] })
  t.match(judge(sound.with(2, { ...result('t-1', 'success', 'done r1.1a'), writer: '2.7' })), {
    staleWrites: [/by 2\.7, not 1\.1/],
  })
  const claimed = sound.toSpliced(3, 0, entry('claimed', {}, '2.1'))
  t.match(
    judge(claimed),
    { staleWrites: [/input at 5 is by 1\.1, not 2\.1/, /run_finished/] },
    'the owner before writes no more',
  )
  const run = { generationId: 'r1', inputs: [], marks: new Map<string, Marks>() }
  const entries = [
    { ...entry('run_started'), position: 1 },
    { ...entry('run_finished'), position: 3 },
  ]
  t.match(judgeRun({ ...run, entries }).gaps, [/run_finished is at 3, not 2/])
  t.end()
})

test('what nobody can know is no fault: an interrupted call may have run or not', (t) => {
  const interrupted = sound.with(2, result('t-1', 'interrupted', 'unknown'))
  for (const mark of [{}, { 'r1.1a': { started: 1, ended: 0 } }, { 'r1.1a': { started: 1, ended: 1 } }])
    t.strictSame(judge(interrupted, mark), {})
  t.strictSame(Object.keys(noFaults()).length, 6)
  t.strictSame(
    readMarks('start a\nend a\nstart b\nsta'),
    new Map([
      ['a', { started: 1, ended: 1 }],
      ['b', { started: 1, ended: 0 }],
    ]),
  )
  t.end()
})

const facts = fc
  .integer({ min: 2, max: 12 })
  .map((count) => Array.from({ length: count }, (_, index) => `${index + 1}-0`))

function see(ids: readonly string[]): { missing: number; doubled: number; disordered: number } {
  const order = createEventOrder()
  for (const id of ids) order.take({ id, type: 'usage', text: '{}' })
  return order.faults
}

test('a viewer that misses, repeats or reorders is found; decorations may be missing', (t) => {
  const none = { missing: 0, doubled: 0, disordered: 0 }
  fc.assert(
    fc.property(facts, fc.infiniteStream(fc.boolean()), (ids, kept) => {
      const decorated = ids.flatMap((id) => [id, ...[1, 2, 3].map((k) => id.replace('-0', `-${k}`))])
      t.strictSame(see(decorated.filter((id) => id.endsWith('-0') || kept.next().value === true)), none)
    }),
  )
  fc.assert(
    fc.property(facts, fc.nat(), (ids, at) => {
      const index = at % (ids.length - 1)
      t.ok(see(ids.toSpliced(index, 1)).missing > 0, 'one is missing')
      t.ok(see(ids.toSpliced(index + 1, 0, ids[index] ?? '')).doubled > 0, 'one came twice')
      const [first = '', second = ''] = ids.slice(index, index + 2)
      t.ok(see(ids.toSpliced(index, 2, second, first)).missing > 0, 'two were exchanged')
      t.ok(see([...ids, '1-1']).disordered > 0, 'an old decoration came late')
    }),
  )
  t.end()
})

test('a gap is due to the worst of what was lost, from the first of it on, or from the last kill', (t) => {
  const at = (ms: number, type: string, writer: string): LoggedEntry => ({
    type,
    writer,
    at: ms,
    position: 1,
    payload: {},
  })
  const gapsOf = (losses: Parameters<typeof addGaps>[2]['losses'], outages: { from: number; to: number }[] = []) => {
    const gaps = noGaps()
    const entries = [at(0, 'run_started', '1.1'), at(500, 'claimed', '2.1')]
    addGaps(gaps, { entries, executorId: 'e', run: 'r1' }, { startedAt: 0, losses, outages })
    return Object.entries(gaps).flatMap(([kind, found]) => found.map(({ ms }) => `${kind} ${ms}`))
  }
  t.strictSame(gapsOf([{ at: 200, kind: 'replica', writer: '1.1' }]), ['replica 300'])
  t.strictSame(gapsOf([{ at: 200, kind: 'replica', writer: '3.1' }]), ['other 0'], 'another replica takes nothing away')
  t.strictSame(
    gapsOf([
      { at: 200, kind: 'cut', executorId: 'e' },
      { at: 300, kind: 'daemon', executorId: 'e' },
    ]),
    ['daemon 200'],
  )
  t.strictSame(
    gapsOf([
      { at: 100, kind: 'freeze', writer: '1.1' },
      { at: 400, kind: 'cut', executorId: 'e' },
    ]),
    ['freeze 100'],
  )
  t.strictSame(gapsOf([{ at: 200, kind: 'cut', executorId: 'e' }], [{ from: 250, to: 300 }]), ['outage 300'])
  t.equal(percentile([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 0.95), 10)
  t.end()
})

test('a seed makes the same schedule again, and another seed another', (t) => {
  const drawn = (seed: number): number[] => {
    const random = createRandom(seed)
    const other = random.fork('other')
    return [random.between(1, 1_000_000), other.between(1, 1_000_000), random.between(1, 1_000_000)]
  }
  t.strictSame(drawn(7), drawn(7))
  t.notSame(drawn(7), drawn(8))
  fc.assert(
    fc.property(fc.integer(), fc.nat(50), (seed, span) => {
      const value = createRandom(seed).between(3, 3 + span)
      return value >= 3 && value <= 3 + span
    }),
  )
  t.end()
})
