import { setImmediate } from 'node:timers/promises'
import fc from 'fast-check'
import { test } from 'tap'
import type { RunFactOf } from '@codegen/protocol/wire'
import { unshown } from './log-entry.ts'
import type { LogEntry, SavedEntry } from './log-entry.ts'
import { driveRun } from './loop.ts'
import { call, createBench, startedEntry, toTranscript, typesOf } from './test-bench.ts'
import { WorkClock } from './work-clock.ts'
import { toWorkedMs } from './worked-ms.ts'
import type { TimedEntry } from './worked-ms.ts'

const ids = (tool_id: string) => ({ generation_id: 'g-1', tool_id })
const toolCall = (tool_id: string): LogEntry =>
  unshown({ type: 'tool_call', payload: { ...ids(tool_id), tool_name: 'Shell', parameters: {} } })
const finished = (tool_id: string): LogEntry =>
  unshown({
    type: 'tool_call_finished',
    payload: { ...ids(tool_id), tool_name: 'Shell', status: 'success', result: '' },
  })
const claimed: LogEntry = unshown({ type: 'claimed', payload: { generation_id: 'g-1', epoch: 2, server: 's' } })
const asked = (tool_id: string): RunFactOf<'approval_requested'> => ({
  type: 'approval_requested',
  payload: { ...ids(tool_id), title: 't', preview: {}, digest: 'd', options: [], expires_in_ms: 1 },
})
const resolved = (tool_id: string): RunFactOf<'approval_resolved'> => ({
  type: 'approval_resolved',
  payload: { ...ids(tool_id), outcome: 'allowed', by: 'owner' },
})

function timed(entries: readonly (readonly [LogEntry, number])[]): TimedEntry[] {
  return entries.map(([entry, atMs], index) => ({ entry: { ...entry, position: index + 1 }, atMs }))
}

test('the time a run waits for a person or an absent executor is not work', (t) => {
  const night = 10 * 3_600_000
  const log = timed([
    [startedEntry(5), 1_000],
    [toolCall('a'), 2_000],
    [toolCall('b'), 2_000],
    [unshown(asked('a')), 3_000],
    // One is asked about and one runs: that is work.
    [finished('b'), 5_000],
    [unshown(resolved('a')), 5_000 + night],
    [finished('a'), 6_000 + night],
    [claimed, 6_000 + 3 * night],
  ])
  t.equal(toWorkedMs(log, 6_500 + 3 * night), 5_500)
  t.equal(toWorkedMs(log.slice(0, 5), 5_000 + night), 4_000, 'also so far')
  t.equal(toWorkedMs(log.slice(0, 1), 1_500), 500)
  t.equal(toWorkedMs([], 1_500), 0)
  t.equal(toWorkedMs(log.slice(0, 2), 500), 1_000, 'a clock that was set back takes nothing away')
  t.end()
})

type Round = { calls: number; asked: number; isClaimed: boolean }

/** A log of rounds of calls, some of them asked about, and of each entry whether the run waited for somebody before it. */
function toLog(rounds: readonly Round[]): { entry: LogEntry; isWait: boolean }[] {
  const log: { entry: LogEntry; isWait: boolean }[] = [{ entry: startedEntry(5), isWait: false }]
  for (const [index, { calls, asked: questions, isClaimed }] of rounds.entries()) {
    const names = Array.from({ length: calls }, (_, place) => `c-${index}-${place}`)
    const open = new Set<string>()
    const asking = new Set<string>()
    const add = (entry: LogEntry): void => {
      const isWait = entry === claimed || (open.size > 0 && asking.size === open.size)
      log.push({ entry, isWait })
    }
    for (const name of names) {
      add(toolCall(name))
      open.add(name)
    }
    for (const name of names.slice(0, questions)) {
      add(unshown(asked(name)))
      asking.add(name)
    }
    if (isClaimed) add(claimed)
    for (const name of names.toReversed()) {
      if (asking.has(name)) add(unshown(resolved(name)))
      asking.delete(name)
      add(finished(name))
      open.delete(name)
    }
  }
  return log
}

test('a delay anywhere in a run is work, or none, by what the run then waited for (property)', (t) => {
  const rounds = fc.array(
    fc.record({ calls: fc.integer({ min: 1, max: 3 }), asked: fc.nat(3), isClaimed: fc.boolean() }),
    { minLength: 1, maxLength: 5 },
  )
  fc.assert(
    fc.property(rounds, fc.array(fc.nat(1_000)), fc.nat(), fc.nat(1_000_000), (shape, gaps, at, delayMs) => {
      const log = toLog(shape)
      let nowMs = 0
      const times = log.map((_, index) => (nowMs += gaps[index] ?? 1))
      const entries = timed(log.map(({ entry }, index) => [entry, times[index] ?? 0]))
      const late = 1 + (at % (log.length - 1))
      const delayed = entries.map((one, index) => (index < late ? one : { ...one, atMs: one.atMs + delayMs }))
      const before = toWorkedMs(entries, nowMs)
      const after = toWorkedMs(delayed, nowMs + delayMs)
      return before <= nowMs && after - before === (log[late]?.isWait ? 0 : delayMs)
    }),
  )
  t.end()
})

test('a clock of work stands still while it is stopped, and says when the work is used up', async (t) => {
  let now = 0
  const { promise: due, resolve } = Promise.withResolvers<void>()
  const clock = new WorkClock({ now: () => now, workedMs: 50, dueMs: 100, onDue: resolve })
  now = 10
  t.equal(clock.workedMs(), 60)
  clock.stop()
  now = 1_000
  clock.stop()
  t.equal(clock.workedMs(), 60)
  clock.start()
  clock.start()
  now = 1_005
  t.equal(clock.workedMs(), 65)
  // Its timer keeps no process alive.
  const alive = setTimeout(() => undefined, 60_000)
  await due
  clearTimeout(alive)
  clock.stop()
})

test('the clock of a run stands still while its question is open, and goes on with the answer', async (t) => {
  const bench = createBench([{ content: 'I ask. ', requests: [call('make')] }, { content: 'Done.' }], {
    results(sent) {
      if (sent.bootstrap) return 'fine'
      bench.drive.mailbox.post({ kind: 'approval', fact: asked(sent.tool_id) })
      return undefined
    },
  })
  const { clock, mailbox } = bench.drive
  const driving = driveRun(bench.drive)
  const acknowledged = (type: string): boolean => bench.acknowledged.some((ref) => ref.startsWith(type))
  while (!acknowledged('approval_requested')) await setImmediate()
  const workedMs = clock.workedMs()
  const sinceMs = performance.now()
  while (performance.now() < sinceMs + 2) await setImmediate()
  t.equal(clock.workedMs(), workedMs)

  const [toolId = ''] = bench.drive.run.openCalls.keys()
  mailbox.post({ kind: 'approval', fact: resolved(toolId) })
  while (clock.workedMs() === workedMs) await setImmediate()
  mailbox.post({ kind: 'result', result: { ...ids(toolId), status: 'success', result: 'made' } })
  await driving
  t.equal(bench.finish()?.status, 'completed')
})

/** A run that asks its owner about its one call and is then left alone. */
async function parkedBench(log?: readonly SavedEntry[]) {
  const answers = [{ content: 'I ask. ', requests: [call('make')] }, { content: 'Done.' }]
  const bench = createBench(answers, {
    parkAfterMs: 1,
    ...(log ? { log } : {}),
    results(sent) {
      if (sent.bootstrap) return 'fine'
      bench.drive.mailbox.post({ kind: 'approval', fact: asked(sent.tool_id) })
      return undefined
    },
  })
  const alive = setTimeout(() => undefined, 60_000)
  await driveRun(bench.drive)
  clearTimeout(alive)
  return bench
}

test('a run that waits for a person is let go with everything on record, and its log tells all of it', async (t) => {
  const { drive, log, acknowledged, finish } = await parkedBench()
  t.ok(drive.isReleased)
  const [toolId = ''] = drive.run.openCalls.keys()
  t.match(drive.parked, { at: { position: log.length, k: 0 }, toolIds: [toolId], stopwatch: drive.stopwatch })
  t.equal(log.at(-1)?.fact.type, 'approval_requested')
  t.ok(acknowledged.includes(`approval_requested:${toolId}`))
  t.equal(finish(), undefined)
  t.strictSame(toTranscript(log).toRequest(), drive.transcript.toRequest())
})

test('a parked run goes on from its log when its owner has answered, and its call is not sent again', async (t) => {
  const { drive: parked, log } = await parkedBench()
  const [toolId = ''] = parked.run.openCalls.keys()
  const bench = createBench([{ content: 'Done.' }], { log, parked: parked.parked })
  bench.drive.mailbox.post({ kind: 'approval', fact: resolved(toolId) })
  const result = { ...ids(toolId), status: 'success', result: 'made' }
  bench.drive.mailbox.post({ kind: 'result', result })
  await driveRun(bench.drive)
  t.strictSame(bench.calls, [])
  t.strictSame(typesOf(bench.log).slice(log.length), [
    'approval_resolved',
    'tool_call_finished',
    'agent_message',
    'usage',
    'run_finished',
  ])
})

test('what was answered elsewhere is proposed once, in order, until it is judged or its question is over', async (t) => {
  const { drive: parked, log } = await parkedBench()
  const [toolId = ''] = parked.run.openCalls.keys()
  const bench = createBench([{ content: 'Done.' }], { log, parked: parked.parked })
  const propose = (clientRef: string, optionId: string, to = toolId): void =>
    bench.drive.mailbox.post({ kind: 'answer', answer: { clientRef, toolId: to, optionId, by: 'ann' } })
  propose('a-1', 'allow')
  propose('a-1', 'allow')
  propose('a-2', 'deny')
  propose('a-3', 'deny', 'of-no-question')
  const driving = driveRun(bench.drive)
  await bench.marked('a-3')
  t.strictSame(bench.proposed, [`${toolId} allow`, `${toolId} deny`])
  t.strictSame(bench.taken, ['a-3'], 'what nobody asks any more is taken')
  bench.drive.mailbox.post({ kind: 'approval', fact: resolved(toolId) })
  bench.drive.mailbox.post({ kind: 'result', result: { ...ids(toolId), status: 'success', result: 'made' } })
  await driving
  t.strictSame(bench.taken, ['a-3', 'a-1', 'a-2'])
  t.equal(bench.proposed.length, 2)
})
