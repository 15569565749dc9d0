import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import type { RunTool } from '@codegen/protocol/wire'
import { bootstrapCommands } from './bootstrap.ts'
import { chatDialect } from './chat-dialect.ts'
import { toSystemPrompt } from './context.ts'
import { readEvents } from './event-reader.ts'
import type { LogEntry } from './log-entry.ts'
import { unshown } from './log-entry.ts'
import { driveRun } from './loop.ts'
import type { EventBus, ModelAnswer, PublishedEvent } from './ports.ts'
import { createTranscript } from './request-text.ts'
import { toResultText } from './result-text.ts'
import { foldRun } from './run.ts'
import { nextStep } from './step.ts'

import { call, createBench, key, startedEntry, toHead, typesOf } from './test-bench.ts'

test('a run bootstraps in the order of the founding document, then asks, calls, observes and ends', async (t) => {
  const bench = createBench([{ content: 'I look. ', requests: [call('ls')] }, { content: 'Done.' }])
  await driveRun(bench.drive)

  t.strictSame(
    bench.calls.slice(0, 4).map((sent) => ({ name: sent.tool_name, parameters: sent.parameters })),
    bootstrapCommands,
  )
  t.strictSame(typesOf(bench.log), [
    'run_started',
    ...Array.from({ length: 4 }, () => 'tool_call'),
    ...Array.from({ length: 4 }, () => 'bootstrap_result'),
    'agent_message',
    'usage',
    'tool_call',
    'tool_call_finished',
    'agent_message',
    'usage',
    'run_finished',
  ])
  t.equal(bench.finish()?.status, 'completed')
  t.equal(bench.finish()?.summary, 'Done.')
  t.equal(bench.drive.run.usage.inputTokens, 20)
})

test('each request begins with the bytes of the one before, and its digest is saved with its answer', async (t) => {
  const bench = createBench([{ requests: [call('a')] }, { requests: [call('b')] }, { content: 'Done.' }])
  await driveRun(bench.drive)

  t.equal(bench.bodies.length, 3)
  for (const [index, body] of bench.bodies.entries()) {
    t.same(JSON.parse(body).messages[0], { role: 'system', content: 'be good' })
    const before = bench.bodies[index - 1]
    if (before) t.ok(body.startsWith(before.slice(0, -2)), 'nothing that was sent before is changed')
  }
  const digests = bench.log.flatMap((entry) => entry.internal?.request_digest ?? [])
  t.strictSame(
    digests,
    bench.bodies.map((body) => createHash('sha256').update(body).digest('hex')),
  )
})

test('every result is put right after the answer that asked for it, under its own id', async (t) => {
  const bench = createBench([{ content: 'Two.', requests: [call('a'), call('b')] }])
  await driveRun(bench.drive)

  const { messages } = JSON.parse(bench.bodies[1] ?? '{}')
  const asked = messages.findIndex((message: { content: string }) => message.content === 'Two.')
  t.same(
    messages
      .slice(asked + 1)
      .map((message: { role: string; tool_call_id: string }) => [message.role, message.tool_call_id]),
    [
      ['tool', 'c-a'],
      ['tool', 'c-b'],
    ],
  )
})

test('a wrong call goes back to the model and is never sent', async (t) => {
  const bench = createBench([{ requests: [call('wrong'), call('right')] }])
  await driveRun(bench.drive)

  t.strictSame(
    bench.calls.slice(4).map((sent) => sent.parameters),
    [{ command: 'right' }],
  )
  t.match(bench.bodies[1] ?? '', 'Shell was not called.')
  t.equal(bench.drive.run.wrongAnswers, 1)
})

test('wrong answers add up only in a row, and the same answer is counted', (t) => {
  const answer = (turn: number, text: string): LogEntry =>
    unshown({
      type: 'agent_message',
      payload: {
        generation_id: 'g-1',
        turn,
        content: '',
        finish_reason: 'tool_calls',
        requests: [call(text, `c-${turn}`)],
      },
    })
  const refused = (turn: number): LogEntry =>
    unshown(
      {
        type: 'tool_call_finished',
        payload: { generation_id: 'g-1', tool_id: `t-${turn}`, tool_name: 'Shell', status: 'error', result: 'no' },
      },
      { request_id: `c-${turn}`, wrong: true },
    )
  const after = (...entries: LogEntry[]) =>
    foldRun([startedEntry(9), ...entries].map((entry, index) => ({ ...entry, position: index + 1 })))

  t.equal(after(answer(1, 'a'), refused(1), answer(2, 'b'), refused(2)).wrongAnswers, 2)
  t.equal(after(answer(1, 'a'), refused(1), answer(2, 'b'), answer(3, 'c'), refused(3)).wrongAnswers, 1)
  t.equal(after(answer(1, 'a'), answer(2, 'a'), answer(3, 'a')).sameAnswers, 3)
  t.equal(after(answer(1, 'a'), answer(2, 'b'), answer(3, 'a')).sameAnswers, 1)
  t.end()
})

test('a cancelled run ends its open calls first, and the executor ends them', async (t) => {
  const bench = createBench([{ requests: [call('sleep')] }], {
    results: (sent) => (sent.bootstrap ? 'fine' : undefined),
  })
  const driving = driveRun(bench.drive)
  while (bench.calls.length < 5) await new Promise((resolve) => setImmediate(resolve))
  bench.drive.mailbox.post({ kind: 'cancel', clientRef: 'r', reason: 'enough', by: 'test' })
  await driving

  t.strictSame(bench.cancelled, [bench.calls[4]?.tool_id])
  t.strictSame(typesOf(bench.log).slice(-3), ['cancel_requested', 'tool_call_finished', 'run_finished'])
  t.equal(bench.drive.run.outcome, 'cancelled')
})

test('a fault of the model ends the run as failed, with what was wrong', async (t) => {
  const bench = createBench([{ kind: 'fault', failure: new Failure('model.unauthenticated', 'The key is wrong.') }])
  await driveRun(bench.drive)

  t.equal(bench.drive.run.outcome, 'failed')
  t.equal(bench.drive.run.error, 'The key is wrong.')
  t.match(bench.finish()?.error, { code: 'model.unauthenticated' })
})

test('a result is acknowledged when it is on record, and a repeat is acknowledged without effect', async (t) => {
  const bench = createBench([{ requests: [call('a')] }])
  const { mailbox } = bench.drive
  bench.drive.hands.callTools = new Proxy(bench.drive.hands.callTools, {
    apply(callTools, self, args: [RunTool[]]) {
      Reflect.apply(callTools, self, args)
      for (const { tool_id, generation_id } of args[0]) {
        mailbox.post({ kind: 'result', result: { tool_id, generation_id, status: 'success', result: 'again' } })
      }
    },
  })
  await driveRun(bench.drive)

  const results = bench.log.filter(
    (entry) => /result|finished/.test(entry.fact.type) && entry.fact.type !== 'run_finished',
  )
  t.equal(results.length, 5)
  t.equal(bench.acknowledged.length, 10)
})

test('an owner that lost its run acts on nothing any more', async (t) => {
  const bench = createBench([{ requests: [call('a')] }], {
    results: (sent) => {
      if (sent.bootstrap) bench.loseOwnership()
      return 'fine'
    },
  })
  await driveRun(bench.drive)

  t.strictSame(
    bench.calls.map((sent) => sent.bootstrap),
    [true, true, true, true],
    'what the model answered was not called',
  )
  t.equal(bench.finish(), undefined)
  t.ok(bench.drive.isReleased)
  t.notOk(typesOf(bench.log).includes('agent_message'))
})

test('a step is decided from the run alone', (t) => {
  const run = foldRun([{ ...startedEntry(9), position: 1 }])
  const around = { ending: undefined, cancelled: new Set<string>(), inputs: [] }
  t.equal(nextStep(run, around).kind, 'bootstrap')
  t.equal(nextStep({ ...run, bootstrap: 'done' }, around).kind, 'ask-model')
  const ending = { status: 'limit', error: undefined } as const
  t.match(nextStep(run, { ...around, ending }), { kind: 'finish', ending })
  t.equal(nextStep({ ...run, outcome: 'failed' }, { ...around, ending }).kind, 'done')
  t.end()
})

test('an answer that was cut is a limit, one that was filtered or empty a failure', async (t) => {
  const outcomeOf = async (answer: Partial<ModelAnswer>) => {
    const bench = createBench([answer])
    await driveRun(bench.drive)
    return bench.drive.run.outcome
  }
  t.equal(await outcomeOf({ content: 'half', finishReason: 'length' }), 'limit')
  t.equal(await outcomeOf({ content: '', finishReason: 'content_filter' }), 'failed')
  t.equal(await outcomeOf({ content: '' }), 'failed')
  t.equal(await outcomeOf({ content: 'whole' }), 'completed')
})

test('whatever happens, the log alone tells the run, and its requests can be made again to the byte', async (t) => {
  const answer = fc.record({
    content: fc.string({ unit: 'binary', maxLength: 20 }),
    requests: fc.uniqueArray(fc.constantFrom(call('a'), call('b'), call('wrong'), call('silent')), { maxLength: 3 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(answer, { maxLength: 6 }), fc.string({ unit: 'binary' }), async (answers, result) => {
      const bench = createBench(answers, { results: () => result })
      await driveRun(bench.drive)
      t.strictSame(foldRun(bench.log), bench.drive.run)

      const transcript = createTranscript(chatDialect, toHead(chatDialect))
      const digests: string[] = []
      for (const entry of bench.log) {
        if (entry.fact.type === 'agent_message') digests.push(transcript.toRequest().digest)
        transcript.add(entry)
      }
      t.strictSame(
        digests,
        bench.log.flatMap((entry) => entry.internal?.request_digest ?? []),
      )
    }),
    { numRuns: 60 },
  )
})

test('a viewer gets every fact once and in order from any cursor, whatever the bus loses or repeats', async (t) => {
  const bench = createBench([{ content: 'a', requests: [call('a')] }, { content: 'b' }])
  await driveRun(bench.drive)
  await fc.assert(
    fc.asyncProperty(
      fc.nat(bench.log.length - 1),
      fc.array(fc.nat(bench.published.length - 1), { maxLength: 40 }),
      async (position, order) => {
        const seen: number[] = []
        let feed: (events: readonly PublishedEvent[]) => void = () => undefined
        const bus: EventBus = {
          replays: false,
          publish: () => undefined,
          subscribe(_key, _scope, listener) {
            feed = listener
            return () => undefined
          },
        }
        await new Promise<void>((resolve, reject) => {
          const sink = {
            event: (event: PublishedEvent) => {
              if (event.at.k === 0) seen.push(event.at.position)
            },
            end: resolve,
            fail: reject,
          }
          readEvents({ log: bench.ports.log, bus }, { key, after: { position, k: 0 }, scope: 'anywhere' }, sink)
          for (const index of order) feed(bench.published.slice(index, index + 2))
        })
        t.strictSame(
          seen,
          bench.log.slice(position).map((entry) => entry.position),
        )
      },
    ),
    { numRuns: 60 },
  )
})

test('a viewer that has seen the end is told so, and waits for nothing', async (t) => {
  const bench = createBench([{ content: 'a' }])
  await driveRun(bench.drive)
  const after = { position: bench.log.length, k: 0 }
  await new Promise<void>((resolve, reject) => {
    const sink = { event: () => t.fail('nothing follows the end'), end: resolve, fail: reject }
    readEvents({ log: bench.ports.log, bus: bench.ports.bus }, { key, after, scope: 'anywhere' }, sink)
  })
  t.pass('it has ended')
})

test('the system prompt begins with the same bytes in every project, and tells what the project says', (t) => {
  const bare = toSystemPrompt(undefined)
  t.equal(toSystemPrompt({ content: '  ', file_paths: [] }), bare)
  t.ok(toSystemPrompt({ content: 'Use tabs.', file_paths: [] }).startsWith(bare))
  t.match(toSystemPrompt({ content: 'Use tabs.', file_paths: [] }), 'Use tabs.')
  t.end()
})

test('any JSON is read as a result, and a flood is cut in its middle and said so', (t) => {
  t.equal(toResultText({ result: { a: [1] } }, 'success'), '{"a":[1]}')
  t.equal(toResultText({ result: '' }, 'success'), '(no output)')
  t.equal(toResultText({ result: null, error: { code: 'x', message: 'broke' } }, 'error'), 'null')
  const text = toResultText({ result: `begin${'x'.repeat(300_000)}end` }, 'success')
  t.ok(text.length < 101_000)
  t.match(text, /^begin[^]*characters cut here[^]*end$/)
  t.end()
})
