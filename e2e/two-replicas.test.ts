import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { readRun, watchRun } from '#support/events'
import type { SeenEvent } from '#support/events'
import { connectExecutor } from '#support/executor'
import type { Frame, TestExecutor } from '#support/executor'
import { answer, answerBootstrap, dial, install, keyOf, startRun, toHandshake } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { requireServices } from '#support/services'
import type { Services } from '#support/services'

type Payload = Frame['payload']

const story = 'All of this is told in many small pieces, as a model makes them. '
const shell = (command: string) => ({ calls: [{ tool: 'Shell', arguments: { command } }] })
const conversations = [
  {
    name: 'two calls',
    when: 'two calls',
    steps: [
      { text: story, delta_chars: 4, delay_ms: 3, reasoning: 'Let me think.', ...shell('make one') },
      { ...shell('make two'), expect: [{ contains: 'made one' }] },
      { text: `Done. ${story}`, delta_chars: 4, delay_ms: 3, expect: [{ contains: 'made two' }] },
    ],
  },
  {
    name: 'one call',
    when: 'one call',
    steps: [
      { text: 'I begin. ', ...shell('make it') },
      { text: 'Done.', expect: [{ results: 1, contains: 'made it' }] },
    ],
  },
  {
    name: 'talk',
    when: 'talk',
    steps: [shell('make it')],
  },
  // What a person says later is the newest message that fits.
  { name: 'steered', when: 'rather so', steps: [{ text: 'That too.', expect: [{ contains: 'made it' }] }] },
  { name: 'queued', when: 'and then this', steps: [{ text: 'All done.' }] },
  {
    name: 'lost journal',
    when: 'lost journal',
    steps: [shell('make it'), { text: 'I see.', expect: [{ contains: 'whether it took effect is unknown' }] }],
  },
]

const services = await requireServices(t)
if (services) await testTwoReplicas(services)

async function testTwoReplicas({ databaseUrl, redisUrl }: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { conversations } })
  t.teardown(() => model.stop())
  const uses = { modelUrl: model.url, databaseUrl, redisUrl, token: randomUUID() }
  const startReplica = (t: Test): Promise<MaestroProcess> => startMaestro(t, uses)
  const [a, b] = await Promise.all([startReplica(t), startReplica(t)])
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const redis = new Redis(redisUrl)
  t.teardown(async () => {
    redis.disconnect()
    await client.end()
  })
  const query = async (text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> =>
    (await client.query(text, values)).rows

  t.test('the other replica shows the same events with the same ids as the executor is sent', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const id = await startRun(executor, 'two calls')
    // Both read from the first event on: the run waits for its bootstrap until they do.
    const seen = collect(watchRun(b, id))
    await seen.until(({ type }) => type === 'tool_call')
    await answerBootstrap(executor)
    await answerShell(executor, 'made one')

    const open = await executor.receive('run_tool', isShell('make two'))
    await seen.until(({ payload }) => isShell('make two')(payload))
    const middle = seen.events.findLast(({ type }) => type === 'agent_message_delta')?.id ?? ''
    const late = collect(watchRun(b, id, middle))
    await late.until(({ payload }) => isShell('make two')(payload))
    answer(executor, open, 'made two')
    const finished = await executor.receive('run_finished')

    const sent = eventsOf(executor, id)
    const [watched, fromMiddle] = [await seen.all(), await late.all()]
    t.strictSame(watched, sent, 'every one, decorations too')
    t.equal(finished['last_event_id'], sent.at(-1)?.id)
    const count = (type: string): number => sent.filter((event) => event.type === type).length
    t.ok(count('agent_message_delta') > 1, `${count('agent_message_delta')} deltas`)
    t.ok(count('reasoning_delta') > 0)
    t.equal(count('tool_output_delta'), 2)
    t.strictSame(
      sent.filter(isFact).map(({ id }) => id),
      Array.from({ length: sent.filter(isFact).length }, (_, index) => `${index + 1}-0`),
    )
    t.ok(isFact(sent.at(-1)) && sent.at(-1)?.type === 'run_finished')

    const after = sent.slice(sent.findIndex((event) => event.id === middle) + 1)
    t.strictSame(fromMiddle.filter(isFact), after.filter(isFact), 'and from the middle the rest')
    t.strictSame(
      fromMiddle.slice(fromMiddle.findIndex(isShellCall) + 1),
      after.slice(after.findIndex(isShellCall) + 1),
      'whole from where it caught up',
    )

    await t.test('the stream and the rows hold them', async (t) => {
      const key = `codegen:default:run:${id}`
      const entries = await redis.xrange(key, '-', '+')
      t.strictSame(
        entries.map(([entryId, [name, text]]) => ({ id: entryId, name, ...JSON.parse(text ?? '') })),
        sent.map((event) => ({ ...event, name: 'event' })),
      )
      t.ok((await redis.ttl(key)) > 0, 'the stream goes by itself')
      t.match(
        await redis.get(`codegen:default:executor:${installation.id}`),
        String(a.pid),
        'presence names the replica',
      )

      const [run] = await query('SELECT status, length, epoch, turns, level FROM runs WHERE generation_id = $1', id)
      t.match(run, { status: 'completed', epoch: '1', turns: 3, level: 1 })
      const rows = await query(
        `SELECT position || '-0' AS id, type, payload FROM run_log WHERE generation_id = $1 ORDER BY position`,
        id,
      )
      t.strictSame(rows, sent.filter(isFact))
      t.equal(run?.['length'], String(rows.length))
    })

    await t.test('R5 from any cursor, on either replica, the facts that follow come, each once', async (t) => {
      const facts = sent.filter(isFact)
      const cursors = sent.filter((_, index) => index % 7 === 0)
      await Promise.all(
        cursors.map(async (cursor, index) => {
          const rest = await collect(watchRun(index % 2 ? a : b, id, cursor.id)).all()
          const position = sent.indexOf(cursor)
          t.strictSame(
            rest.filter(isFact),
            facts.filter((fact) => sent.indexOf(fact) > position),
            `after ${cursor.id}`,
          )
          t.ok(isOrdered([cursor, ...rest]), 'in order')
        }),
      )
      const wrong = await b.fetch(`/v1/runs/${id}/events`, { headers: { 'last-event-id': '9999-0' } })
      t.equal(wrong.status, 400, 'a cursor of another run is refused (SV-48)')
      t.match(JSON.parse(await wrong.text()), { error: { message: /9999-0/ } })
    })

    await t.test('without its stream in Redis the facts are still all there (SV-14)', async (t) => {
      await redis.del(`codegen:default:run:${id}`)
      t.strictSame((await readRun(b, id)).facts, sent.filter(isFact))
    })
  })

  t.test(
    'R3 a run outlives its server: the other replica goes on with it, and its open call is sent again',
    async (t) => {
      const doomed = await startReplica(t)
      const installation = install()
      const executor = await dial(t, doomed, installation)
      const id = await startRun(executor, 'one call')
      const seen = collect(watchRun(b, id))
      await answerBootstrap(executor)
      const call = await executor.receive('run_tool', isShell('make it'))
      executor.send('tool_output_delta', { ...keyOf(call), stream: 'stdout', chunk: 'begun\n', offset: 0 })
      await seen.until(({ type }) => type === 'tool_output_delta')
      await doomed.kill()
      t.equal((await executor.closed()).code, 1006)

      const again = await dial(t, b, installation, { open: [call['tool_id']] })
      t.match(again.welcome, { epoch: 2, runs: [{ generation_id: id, client_ref: String }] })
      t.strictSame(await again.receive('run_tool'), call, 'the same call, field by field')
      for (let repeat = 0; repeat < 10; repeat += 1) answer(again, call, 'made it')
      const finished = await again.receive('run_finished')
      t.match(finished, { status: 'completed', summary: 'Done.' })

      const { run, facts } = await readRun(b, id)
      const whole = await seen.all()
      t.equal(run['status'], 'completed')
      t.strictSame(whole.filter(isFact), facts)
      t.ok(isOrdered(whole), 'who watched saw no gap, no repeat, no step back (R5)')
      t.match(
        facts.filter(({ type }) => type === 'claimed').map(({ payload }) => payload),
        [{ epoch: 2, server: new RegExp(`-${b.pid}-`) }],
      )
      const results = facts.filter(({ type, payload }) => type === 'tool_call_finished' && isOf(call)(payload))
      t.match(
        results,
        [{ payload: { status: 'success', result: 'made it' } }],
        'one result, however often it came (R2, PR-43)',
      )
      const ref = `tool_result:${String(call['tool_id'])}`
      const stored = again.frames.filter(({ type, payload }) => type === 'stored' && payload['ref'] === ref)
      t.equal(stored.length, 10, 'each of the ten is acknowledged: a daemon may forget it')
      t.strictSame(
        eventsOf(again, id),
        whole.slice(whole.findIndex(({ type }) => type === 'claimed')),
        'the executor is sent the rest',
      )
    },
  )

  t.test('a call is never sent to another journal: its outcome is unknown, and the model is told so', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const id = await startRun(executor, 'lost journal')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell('make it'))
    executor.socket.terminate()

    installation.journal = randomUUID()
    const again = await dial(t, b, installation)
    t.match(await again.receive('run_finished'), { status: 'completed', summary: 'I see.' })
    t.notOk(again.frames.some(({ type }) => type === 'run_tool'))
    const { facts } = await readRun(a, id)
    t.match(facts.find(({ type, payload }) => type === 'tool_call_finished' && isOf(call)(payload))?.payload, {
      status: 'interrupted',
    })
  })

  t.test('the newest connection owns the executor: a late dial is told the epoch in force (SV-37)', async (t) => {
    const installation = install()
    const first = await dial(t, a, installation)
    const id = await startRun(first, 'one call')
    await answerBootstrap(first)
    const call = await first.receive('run_tool', isShell('make it'))

    const second = await dial(t, b, installation)
    t.equal(second.welcome['epoch'], 2)
    t.strictSame(await second.receive('run_tool'), call)

    for (const named of [1, undefined]) {
      const late = await connectExecutor(t, a)
      late.send('handshake', toHandshake({ ...installation, epoch: named }))
      t.match(await late.next(), {
        type: 'error',
        payload: { code: 'executor.superseded', epoch: 2, fatal: true, retryable: true, message: /2/ },
      })
      t.equal((await late.closed()).code, 4409)
    }

    answer(first, call, 'made by whom?')
    t.equal((await first.closed()).code, 4409, 'the replica it was connected to finds out when it wants to write')
    answer(second, call, 'made it')
    t.match(await second.receive('run_finished'), { status: 'completed' })
    const { facts } = await readRun(a, id)
    t.notOk(JSON.stringify(facts).includes('by whom'))
    t.notOk(
      eventsOf(first, id).some(({ type }) => type === 'tool_call_finished'),
      'nor did it show it to anybody',
    )

    const third = await dial(t, a, { ...installation, epoch: 2 })
    t.equal(third.welcome['epoch'], 3, 'who names the epoch in force is let in')
  })

  t.test('R4 a stale server cannot write: one that was stopped for a while, when it goes on', async (t) => {
    const stopped = await startReplica(t)
    const installation = install()
    const first = await dial(t, stopped, installation)
    const id = await startRun(first, 'one call')
    await answerBootstrap(first)
    const call = await first.receive('run_tool', isShell('make it'))
    const seen = collect(watchRun(a, id))
    process.kill(stopped.pid, 'SIGSTOP')
    answer(first, call, 'told to a sleeper')
    const second = await dial(t, b, installation)
    // As a daemon does it: at once, before the run can have been read.
    answer(second, call, 'made it')
    t.match(await second.receive('run_finished'), { status: 'completed' })
    t.ok(
      // Where the run was read before the answer came, the same call is asked for again, which runs nothing.
      second.frames.every(({ type, payload }) => type !== 'run_tool' || payload['tool_id'] === call['tool_id']),
      'no other call is asked for',
    )
    process.kill(stopped.pid, 'SIGCONT')
    t.equal((await first.closed()).code, 4409)

    const whole = await seen.all()
    t.ok(isOrdered(whole))
    t.notOk(JSON.stringify([whole, first.frames]).includes('sleeper'))
    t.strictSame((await readRun(stopped, id)).facts, whole.filter(isFact), 'it shows what the others show')
  })

  t.test('two dials at once: one is welcomed, the other superseded', async (t) => {
    const installation = install()
    await dial(t, a, installation)
    const dials = await Promise.all([a, b, a, b].map((maestro) => connectExecutor(t, maestro)))
    for (const executor of dials) executor.send('handshake', toHandshake(installation))
    const answers = await Promise.all(dials.map((executor) => executor.next()))
    t.strictSame(answers.map((answer) => ('code' in answer ? String(answer.code) : answer.type)).toSorted(), [
      'error',
      'error',
      'error',
      'welcome',
    ])
    const [row] = await query('SELECT epoch FROM executors WHERE executor_id = $1', installation.id)
    t.strictSame(row, { epoch: '2' })
  })

  t.test('a run is cancelled from the replica that does not own it', async (t) => {
    const executor = await dial(t, a, install())
    const id = await startRun(executor, 'one call')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell('make it'))
    const path = `/v1/runs/${id}/cancel`
    const headers = { 'content-type': 'application/json' }
    const cancel = (body: object): Promise<Response> =>
      b.fetch(path, { method: 'POST', headers, body: JSON.stringify(body) })
    const accepted = await cancel({ client_ref: 'c-1', reason: 'enough' })
    t.equal(accepted.status, 202)
    t.match(JSON.parse(await accepted.text()), { generation_id: id, client_ref: 'c-1' })
    t.equal((await cancel({ client_ref: 'c-1', reason: 'enough' })).status, 202, 'a repeat is the same')

    t.match(await executor.receive('cancel_tool'), { ...keyOf(call), reason: 'enough', grace_ms: Number })
    executor.send('tool_result', { ...keyOf(call), status: 'cancelled', result: 'ended' })
    t.match(await executor.receive('run_finished'), { status: 'cancelled', error: { message: 'enough' } })
    const { run, facts } = await readRun(b, id)
    t.equal(run['status'], 'cancelled')
    t.equal(facts.filter(({ type }) => type === 'cancel_requested').length, 1)
    t.match(facts.at(-2)?.payload, { status: 'cancelled', tool_id: call['tool_id'] })
    t.equal((await cancel({})).status, 409)
    t.equal((await b.fetch('/v1/runs/none-such/cancel', { method: 'POST' })).status, 404)
  })

  t.test('a cancelled run goes on being cancelled wherever its executor comes back', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const id = await startRun(executor, 'one call')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell('make it'))
    t.equal((await b.fetch(`/v1/runs/${id}/cancel`, { method: 'POST' })).status, 202)
    await executor.receive('cancel_tool')
    executor.socket.terminate()
    await once(executor.socket, 'close')

    const again = await dial(t, b, installation)
    t.match(await again.receive('cancel_tool'), keyOf(call))
    t.notOk(
      again.frames.some(({ type }) => type === 'run_tool'),
      'what is to end is not asked for again',
    )
    again.send('tool_result', { ...keyOf(call), status: 'cancelled', result: 'ended' })
    t.match(await again.receive('run_finished'), { status: 'cancelled' })
  })

  t.test('a cancel that was asked for while the executor was away is waiting for it', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const id = await startRun(executor, 'one call')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell('make it'))
    executor.socket.terminate()
    await once(executor.socket, 'close')
    t.equal((await b.fetch(`/v1/runs/${id}/cancel`, { method: 'POST' })).status, 202)

    const again = await dial(t, a, installation)
    t.match(await again.receive('cancel_tool'), keyOf(call))
    again.send('tool_result', { ...keyOf(call), status: 'cancelled', result: 'ended' })
    t.match(await again.receive('run_finished'), { status: 'cancelled' })
  })

  t.test('a run is spoken to from any replica and by its executor, and goes on with what was said', async (t) => {
    const executor = await dial(t, a, install())
    const id = await startRun(executor, 'talk')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell('make it'))
    const post = (body: object): Promise<Response> => b.post(`/v1/runs/${id}/input`, body)
    const accepted = await post({ content: 'rather so', client_ref: 'i-1' })
    t.equal(accepted.status, 202)
    t.strictSame(await accepted.json(), { generation_id: id, client_ref: 'i-1', mode: 'steer' })
    t.equal((await post({ content: 'rather so', client_ref: 'i-1' })).status, 202, 'a repeat is the same')
    executor.send('run_input', { generation_id: id, client_ref: 'i-2', content: 'and then this', mode: 'queue' })
    await executor.receive('stored', ({ ref }) => ref === 'run_input:i-2')
    answer(executor, call, 'made it')
    t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'All done.' })

    const { facts } = await readRun(b, id)
    const said = facts.filter(({ type }) => type === 'input').map(({ payload }) => payload)
    t.match(said, [
      { content: 'rather so', mode: 'steer', client_ref: 'i-1', by: /^token-/ },
      { content: 'and then this', mode: 'queue', client_ref: 'i-2', by: 'executor' },
    ])
    t.equal((await post({ content: 'too late' })).status, 409)
    t.equal((await post({ content: 'rather so', client_ref: 'i-1' })).status, 202, 'but what was accepted stays so')
    executor.send('run_input', { generation_id: id, client_ref: 'i-3', content: 'late', mode: 'queue' })
    t.match(await executor.receive('error'), { code: 'run.finished', ref: 'run_input:i-3', retryable: false })
    for (const body of [{}, { content: '' }, { content: 'x', mode: 'later' }, { content: 'x', more: 1 }])
      t.equal((await post(body)).status, 400, JSON.stringify(body))
    t.equal((await b.post('/v1/runs/none-such/input', { content: 'x' })).status, 404)
  })

  t.test('what was said while the executor was away is waiting for it', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const id = await startRun(executor, 'talk')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell('make it'))
    executor.socket.terminate()
    await once(executor.socket, 'close')
    for (const content of ['rather so', 'and then this'])
      t.equal((await b.post(`/v1/runs/${id}/input`, { content, mode: 'steer' })).status, 202)
    const again = await dial(t, b, installation)
    await again.receive('run_tool', isOf(call))
    answer(again, call, 'made it')
    t.match(await again.receive('run_finished'), { status: 'completed', summary: 'All done.' })
  })

  t.test('a start that is repeated, on either replica, is one run', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const start = { client_ref: 'only-once', prompt: 'one call', cwd: '/work', mode: 'auto' }
    executor.send('start_run', start)
    executor.send('start_run', start)
    // Two that are sent at once may be answered in either order.
    const answers = [await executor.receive('run_started'), await executor.receive('run_started')]
    const started = answers.find((answer) => !('duplicate' in answer))
    t.ok(answers.some((answer) => 'duplicate' in answer && answer['generation_id'] === started?.['generation_id']))
    executor.socket.terminate()
    await once(executor.socket, 'close')
    const again = await dial(t, b, installation)
    again.send('start_run', start)
    t.strictSame(await again.receive('run_started'), { ...started, duplicate: true })
    const rows = await query('SELECT 1 FROM runs WHERE executor_id = $1', installation.id)
    t.equal(rows.length, 1)
  })

  t.test("a run's events are for its own executor (PR-55)", async (t) => {
    const owner = await dial(t, a, install())
    const id = await startRun(owner, 'one call')
    const stranger = await dial(t, b, install())
    stranger.send('subscribe', { generation_id: id })
    t.match(await stranger.next(), {
      type: 'error',
      payload: { code: 'run.unknown', ref: `subscribe:${id}`, fatal: false },
    })
    stranger.send('cancel_run', { generation_id: id, client_ref: 'x' })
    t.match(await stranger.next(), { type: 'error', payload: { code: 'run.unknown', ref: 'cancel_run:x' } })
    stranger.send('tool_result', { tool_id: 't', generation_id: id, status: 'success', result: 'forged' })
    t.match(await stranger.next(), { type: 'error', payload: { code: 'server.forbidden', ref: 'tool_result:t' } })
    stranger.send('no_such_message', {})
    t.match(await stranger.next(), { type: 'error', payload: { code: 'message.unknown', fatal: false } })

    const call = await owner.receive('run_tool')
    answer(owner, call, 'x')
    await owner.receive('stored')
    owner.send('subscribe', { generation_id: id, after: '9999-0' })
    t.match(
      await owner.receive('error'),
      { code: 'request.invalid', ref: `subscribe:${id}`, fatal: false, message: /9999-0/ },
      'a cursor of another run is refused (SV-48)',
    )
  })

  t.test('a protocol that is not spoken here is refused by naming both (PR-39)', async (t) => {
    const executor = await connectExecutor(t, a)
    executor.send('handshake', { ...toHandshake(install()), protocol: { version: 2, features: [] } })
    t.match(await executor.next(), { type: 'error', payload: { code: 'client.version', fatal: true, message: /1.*2/ } })
    t.equal((await executor.closed()).code, 4410)
  })
}

async function answerShell(executor: TestExecutor, result: string): Promise<void> {
  const call = await executor.receive('run_tool')
  for (const [offset, chunk] of [
    [0, 'out\n'],
    [4, 'put\n'],
  ])
    executor.send('tool_output_delta', { ...keyOf(call), stream: 'stdout', chunk, offset })
  answer(executor, call, result)
}

function isOf(call: Payload): (payload: Payload) => boolean {
  return (payload) => payload['tool_id'] === call['tool_id']
}

function isShell(command: string): (payload: Payload) => boolean {
  return ({ parameters }) =>
    typeof parameters === 'object' && JSON.stringify(parameters) === JSON.stringify({ command })
}

function isShellCall({ type, payload }: SeenEvent): boolean {
  return type === 'tool_call' && isShell('make two')(payload)
}

function isFact(event: { id: string } | undefined): boolean {
  return event?.id.endsWith('-0') === true
}

/** No repeat and no step back, and of the facts none is missing. */
function isOrdered(events: readonly SeenEvent[]): boolean {
  const places = events.map(({ id }) => id.split('-').map(Number))
  return places.every(([position = 0, k = 0], index) => {
    const [lastPosition, lastK = 0] = places[index - 1] ?? []
    if (lastPosition === undefined) return index === 0
    return k === 0 ? position === lastPosition + 1 : position === lastPosition && k > lastK
  })
}

/** The events of a run as its executor was sent them. */
function eventsOf(executor: TestExecutor, generationId: string): SeenEvent[] {
  return executor.frames
    .filter(({ type, payload }) => type === 'run_event' && payload['generation_id'] === generationId)
    .map(({ payload }) => ({ id: String(payload['event_id']), ...(payload['event'] as Frame) }))
}

/** Watches in the background. */
function collect(watching: AsyncGenerator<SeenEvent>) {
  const events: SeenEvent[] = []
  let arrival = Promise.withResolvers<void>()
  const whole = (async () => {
    for await (const event of watching) {
      events.push(event)
      arrival.resolve()
      arrival = Promise.withResolvers()
    }
    return events
  })()
  whole.catch(() => undefined)
  return {
    events,
    /** Resolves with all of them when the run has ended. */
    all: () => whole,
    async until(fits: (event: SeenEvent) => boolean): Promise<void> {
      const ended = whole.then(() => {
        throw new Error(`the run ended without it: ${events.map(({ type }) => type).join(', ')}`)
      })
      while (!events.some(fits)) await Promise.race([arrival.promise, ended])
    },
  }
}
