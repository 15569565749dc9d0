import fc from 'fast-check'
import { test } from 'tap'
import { chatDialect } from './chat-dialect.ts'
import { toConversation } from './conversation.ts'
import { driveRun } from './loop.ts'
import { foldRun } from './run.ts'

import { call, createBench, typesOf } from './test-bench.ts'

const messagesOf = (body: string | undefined): { role: string; content: string; tool_calls?: { id: string }[] }[] =>
  JSON.parse(body ?? '{"messages":[]}').messages
const saidIn = (body: string | undefined): string[] =>
  messagesOf(body)
    .filter(({ role }) => role === 'user')
    .map(({ content }) => content)

test('what is said to steer reaches the next request, what waits for the end makes the run go on', async (t) => {
  const bench = createBench(
    [{ requests: [call('a')] }, { content: 'One.' }, { content: 'Two.' }, { content: 'Three.' }],
    {
      asked(turn) {
        if (turn !== 1) return
        bench.say('then this', 'queue')
        bench.say('and that', 'queue')
        bench.say('rather so')
        bench.say('rather so')
      },
    },
  )
  await driveRun(bench.drive)

  t.strictSame(saidIn(bench.bodies[0]), ['go'])
  t.strictSame(saidIn(bench.bodies[1]), ['go', 'rather so'])
  t.strictSame(saidIn(bench.bodies[2]), ['go', 'rather so', 'then this'])
  t.strictSame(saidIn(bench.bodies[3]), ['go', 'rather so', 'then this', 'and that'])
  t.equal(bench.finish()?.summary, 'Three.')
  t.strictSame(bench.taken.toSorted(), ['ref-and that', 'ref-rather so', 'ref-then this'])
})

test('an input that is accepted while the run ends keeps it open', async (t) => {
  let endings = 0
  const bench = createBench([{ content: 'One.' }, { content: 'Two.' }], {
    finishing() {
      endings += 1
      if (endings === 1) bench.say('one thing more', 'queue', true)
    },
  })
  await driveRun(bench.drive)
  t.strictSame(saidIn(bench.bodies[1]), ['go', 'one thing more'])
  t.equal(bench.finish()?.summary, 'Two.')
  t.equal(typesOf(bench.log).filter((type) => type === 'run_finished').length, 1)
})

test('an input is at most once, also for an owner that reads it again after it was put on record', async (t) => {
  const bench = createBench([{ content: 'One.' }, { content: 'Two.' }], {
    asked: () => bench.say('more', 'queue'),
  })
  await driveRun(bench.drive)
  t.equal(typesOf(bench.log).filter((type) => type === 'input').length, 1)
  t.equal(bench.bodies.length, 2)
})

test('what is said to a run that has to end is on record before its end, for the next run of the conversation', async (t) => {
  const bench = createBench([])
  bench.say('hm', 'queue', true)
  bench.drive.fail({ status: 'limit', error: undefined })
  await driveRun(bench.drive)
  t.equal(bench.finish()?.status, 'limit')
  t.strictSame(typesOf(bench.log).slice(-2), ['input', 'run_finished'])
})

test('each input is shown once and after all results of its step, whatever comes between (property)', async (t) => {
  const answer = fc.record({
    content: fc.constantFrom('', 'text'),
    requests: fc.uniqueArray(fc.constantFrom(call('a'), call('b'), call('wrong')), { maxLength: 3 }),
  })
  const said = fc.record({
    at: fc.constantFrom('asked', 'result', 'finishing' as const),
    nth: fc.nat(5),
    mode: fc.constantFrom('steer', 'queue' as const),
    times: fc.integer({ min: 1, max: 3 }),
    silent: fc.boolean(),
  })
  const cancel = fc.option(fc.record({ at: fc.constantFrom('asked', 'result', 'finishing'), nth: fc.nat(6) }))
  await fc.assert(
    fc.asyncProperty(
      fc.array(answer, { maxLength: 5 }),
      fc.array(said, { maxLength: 5 }),
      cancel,
      async (answers, inputs, end) => {
        const seen = { asked: 0, result: 0, finishing: 0 }
        const open = new Map<number, string>()
        const happen = (at: 'asked' | 'result' | 'finishing'): void => {
          const nth = seen[at]++
          for (const [index, input] of inputs.entries()) {
            if (input.at !== at || input.nth !== nth) continue
            open.set(index, `said ${index}`)
            for (let time = 0; time < input.times; time += 1) bench.say(`said ${index}`, input.mode, input.silent)
          }
          if (end?.at === at && end.nth === nth)
            bench.drive.mailbox.post({ kind: 'cancel', clientRef: 'c', reason: 'enough', by: 'test' })
        }
        const bench = createBench(answers, {
          asked: () => happen('asked'),
          finishing: () => happen('finishing'),
          results() {
            happen('result')
            return 'fine'
          },
        })
        await driveRun(bench.drive)
        const recorded = bench.log.flatMap(({ fact }) => (fact.type === 'input' ? [fact.payload.content] : []))
        t.strictSame(recorded.toSorted(), [...open.values()].toSorted(), 'each accepted input is on record once')
        t.strictSame(foldRun(bench.log), bench.drive.run)
        const next = `{"messages":[${toConversation([bench.log], chatDialect)}]}`
        t.ok(isWellFormed(messagesOf(next)), 'an answer is followed by all its results, then by people')
        for (const body of bench.bodies) t.ok(isWellFormed(messagesOf(body)))
      },
    ),
    { numRuns: 150 },
  )
})

/** Each answer's requests have their results right after it, before anything else is said. */
function isWellFormed(
  messages: readonly { role: string; tool_calls?: { id: string }[]; tool_call_id?: string }[],
): boolean {
  let owed = new Set<string>()
  for (const { role, tool_calls, tool_call_id } of messages) {
    if (role === 'tool') {
      if (!owed.delete(tool_call_id ?? '')) return false
    } else if (owed.size > 0) return false
    if (tool_calls) owed = new Set(tool_calls.map(({ id }) => id))
  }
  return owed.size === 0
}
