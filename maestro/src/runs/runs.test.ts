import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import type { RunFinished, RunTool } from '@codegen/protocol/wire'
import { bootstrapCommands } from './bootstrap.ts'
import { chatDialect } from './chat-dialect.ts'
import { toSystemPrompt } from './context.ts'
import type { Dialect } from './dialect.ts'
import { Drive } from './drive.ts'
import { readEvents } from './event-reader.ts'
import type { LogEntry, SavedEntry } from './log-entry.ts'
import { unshown } from './log-entry.ts'
import { driveRun } from './loop.ts'
import type { Observer } from './observer.ts'
import type {
  BrainPorts,
  EventBus,
  Hands,
  ModelAnswer,
  ModelFault,
  PublishedEvent,
  RunAppend,
  Toolbelt,
  WaitingInput,
} from './ports.ts'
import { createTranscript } from './request-text.ts'
import { toResultText } from './result-text.ts'
import { foldRun } from './run.ts'
import { nextStep } from './step.ts'

const key = { teamId: 'default', generationId: 'g-1' }
const toolsJson =
  '[{"type":"function","function":{"name":"Shell","description":"runs","parameters":{"type":"object"}}}]'
const toHead = (dialect: Dialect) => ({
  model: 'm',
  toolsJson: dialect.tools(toolsJson),
  systemPrompt: 'be good',
  options: '',
})

/** Nobody measures. */
const silent: Observer = {
  runTaken: () => ({
    traceparentOf: () => undefined,
    modelAsked: () => undefined,
    requestRefused: () => undefined,
    questionClosed: () => undefined,
    toolCalled: () => undefined,
    turnEnded: () => undefined,
    runLeft: () => undefined,
  }),
  appended: () => undefined,
}

/** A log as Postgres would keep it, with its fence; everything else of the drive is real but the model. */
function createBench(
  answers: (Partial<ModelAnswer> | ModelFault)[],
  options: {
    turns?: number
    results?: (call: RunTool) => string | undefined
    /** Called with each request, before it is answered. */
    asked?: (turn: number) => void
    /** Called before a write of the run's end. */
    finishing?: () => void
  } = {},
) {
  const log: SavedEntry[] = [startedEntry(options.turns ?? 50)].map((entry, index) => ({
    ...entry,
    position: index + 1,
  }))
  const bodies: string[] = []
  const published: PublishedEvent[] = []
  const listeners = new Set<(events: readonly PublishedEvent[]) => void>()
  const acknowledged: string[] = []
  const calls: RunTool[] = []
  const cancelled: string[] = []
  const inbox: WaitingInput[] = []
  const taken: string[] = []
  let finish: RunFinished | undefined
  let epochInForce = 1
  let minted = 0

  const bus: EventBus = {
    replays: false,
    publish(_key, events) {
      published.push(...events)
      for (const listener of listeners) listener(events)
    },
    subscribe(_key, _scope, listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const ports: BrainPorts = {
    model: {
      defaultModel: async () => 'm',
      warm: async () => undefined,
      requestStyle: () => ({ dialect: 'chat', options: '' }),
      contextTokensOf: () => 128_000,
      async ask(request) {
        bodies.push(request.body)
        options.asked?.(bodies.length)
        const answer = answers[bodies.length - 1] ?? { content: 'done' }
        if (answer.kind === 'fault') return answer
        request.onText(answer.content ?? '')
        const usage = { inputTokens: 10, outputTokens: 1, cachedTokens: 0 }
        return { kind: 'answer', content: '', requests: [], finishReason: 'stop', usage, ...answer }
      },
    },
    log: {
      append: async (added) => append(added),
      async finish({ inputs, ...added }) {
        options.finishing?.()
        if (inputs !== inbox.length) return 'input-waits'
        return append(added) ? 'finished' : 'lost'
      },
      waitingInputs: async () => inbox.filter(({ clientRef }) => !taken.includes(clientRef)),
      factsAfter: async (_key, position, limit) => log.slice(position, position + limit).map(toPublished),
      async markTaken(_key, clientRefs) {
        taken.push(...clientRefs)
      },
    },
    bus,
    safeguards: { endingOf: (run) => (run.cancel ? { status: 'cancelled', error: undefined } : undefined) },
    observer: silent,
    now: () => performance.now(),
    mintId: () => `id-${(minted += 1)}`,
  }
  const append = ({ epoch, length, entries }: RunAppend): boolean => {
    if (epoch !== epochInForce || length !== log.length) return false
    log.push(...entries.map((entry, index) => ({ ...entry, position: length + 1 + index })))
    return true
  }
  const hands: Hands = {
    journalId: 'j-1',
    callTools(sent) {
      for (const call of sent) {
        calls.push(call)
        const result = (options.results ?? (() => 'fine'))(call)
        if (result === undefined) continue
        const { tool_id, generation_id } = call
        drive.mailbox.post({ kind: 'result', result: { tool_id, generation_id, status: 'success', result } })
      }
    },
    cancelTool(generation_id, tool_id) {
      cancelled.push(tool_id)
      drive.mailbox.post({ kind: 'result', result: { tool_id, generation_id, status: 'cancelled', result: 'stopped' } })
    },
    stored: (ref) => acknowledged.push(ref),
    runFinished: (finished) => {
      finish = finished
    },
  }
  const toolbelt: Toolbelt = {
    names: ['Shell'],
    json: toolsJson,
    check: (request) =>
      request.arguments === 'wrong'
        ? { kind: 'wrong', failure: new Failure('tool.bad_arguments', 'Shell was not called.') }
        : { kind: 'call', parameters: { command: request.arguments }, timeoutMs: undefined },
  }
  const transcript = createTranscript(chatDialect, toHead(chatDialect))
  for (const entry of log) transcript.add(entry.shown)
  const drive = new Drive({
    key,
    epoch: 1,
    run: foldRun(log),
    transcript,
    hands,
    toolbelt,
    ports,
    ageMs: 0,
    isClaimed: false,
  })
  return {
    drive,
    log,
    bodies,
    published,
    acknowledged,
    calls,
    cancelled,
    ports,
    finish: () => finish,
    taken,
    /** Accepts an input; with `isSilent` the run is not told of it. */
    say(content: string, mode: WaitingInput['mode'] = 'steer', isSilent = false) {
      const input = { clientRef: `ref-${content}`, content, mode, by: 'test' }
      if (!inbox.some(({ clientRef }) => clientRef === input.clientRef)) inbox.push(input)
      if (!isSilent) drive.mailbox.post({ kind: 'input', input })
    },
    loseOwnership: () => {
      epochInForce = 2
    },
  }
}

function startedEntry(turns: number): LogEntry {
  return {
    fact: {
      type: 'run_started',
      payload: { generation_id: 'g-1', session_id: 's-1', prompt: 'go', cwd: '/p', mode: 'auto', model: 'm' },
    },
    shown: chatDialect.user('go'),
    internal: { limits: { turns, tokens: 1_000_000, seconds: 3_600 } },
  }
}

function toPublished(entry: SavedEntry): PublishedEvent {
  return { at: { position: entry.position, k: 0 }, type: entry.fact.type, text: JSON.stringify(entry.fact) }
}

const call = (command: string, id = `c-${command}`) => ({ id, name: 'Shell', arguments: command })
const typesOf = (log: readonly SavedEntry[]): string[] => log.map((entry) => entry.fact.type)

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
        const whole = createTranscript(head)
        for (const { shown } of bench.log) whole.add(shown)
        t.ok(
          isWellFormed(messagesOf(whole.toRequest().body)),
          'an answer is followed by all its results, then by people',
        )
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
        transcript.add(entry.shown)
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
