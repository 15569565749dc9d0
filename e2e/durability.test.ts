import { randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { createRandom } from '#chaos/random'
import { startRedis } from '#chaos/redis-server'
import { startTcpProxy } from '#chaos/tcp-proxy'
import { readRun, watchRun } from '#support/events'
import { connectExecutor } from '#support/executor'
import { answer, answerBootstrap, dial, install, startRun } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { requireServices } from '#support/services'

const shell = (command: string) => ({ calls: [{ tool: 'Shell', arguments: { command } }] })
const conversations = [
  {
    name: 'one call',
    when: 'one call',
    steps: [shell('make it'), { text: 'Done.', expect: [{ results: 1, contains: 'made it' }] }],
  },
  {
    name: 'slow answer',
    when: 'slow answer',
    steps: [
      { text: 'This takes me a while to say, but it is worth it. ', delta_chars: 2, delay_ms: 60, ...shell('make it') },
      { text: 'Done.', expect: [{ results: 1, contains: 'made it' }] },
    ],
  },
  {
    name: 'talk',
    when: 'talk',
    steps: [
      { text: 'Hello. ', delta_chars: 1, delay_ms: 100 },
      { loop: 9, text: 'Yes.' },
    ],
  },
]

const services = await requireServices(t)
if (services) {
  const { databaseUrl } = services
  const model = await startScriptedModel({ scenario: { conversations } })
  t.teardown(() => model.stop())
  const redis = await startRedis()
  t.teardown(() => redis.stop())
  const token = randomUUID()
  const uses = { modelUrl: model.url, databaseUrl, redisUrl: redis.url, token }
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  t.teardown(() => client.end())
  const query = async (text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> =>
    (await client.query(text, values)).rows
  const isShell = (payload: Record<string, unknown>): boolean => payload['tool_name'] === 'Shell'
  const messagesOf = (number: number): Promise<{ role: string; content: unknown }[]> =>
    model.request(number).then(({ body }) => (body as { messages: { role: string; content: unknown }[] }).messages)

  /** A run whose one call is in its executor's hands. */
  const begin = async (t: Test, maestro: MaestroProcess, prompt = 'one call') => {
    const installation = install()
    const executor = await dial(t, maestro, installation)
    const id = await startRun(executor, prompt)
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool', isShell)
    return { installation, executor, id, call }
  }

  t.test('R2 a result is recorded once, though it comes ten times to two replicas', async (t) => {
    const [a, b] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])
    const { installation, executor, id, call } = await begin(t, a)
    const asked = model.requests.length
    for (let time = 0; time < 5; time += 1) answer(executor, call, 'made it')
    await executor.receive('run_finished')
    const again = await dial(t, b, installation, { open: [call['tool_id']] })
    for (let time = 0; time < 5; time += 1) {
      answer(again, call, 'made it, or so')
      t.match(await again.receive('stored'), { ref: `tool_result:${String(call['tool_id'])}` })
    }
    const { facts } = await readRun(b, id)
    const results = facts.filter(
      ({ type, payload }) => type === 'tool_call_finished' && payload['tool_id'] === call['tool_id'],
    )
    t.match(results, [{ payload: { result: 'made it' } }])
    const messages = await messagesOf(asked + 1)
    t.equal(messages.filter(({ role, content }) => role === 'tool' && content === 'made it').length, 1)
    t.equal(model.requests.length, asked + 1, 'the model was told once')
  })

  t.test(
    'R9 nothing acknowledged is lost: not a word that was said, though Redis is emptied and the owner killed',
    async (t) => {
      const [doomed, b] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])
      const { installation, executor, id, call } = await begin(t, doomed)
      const watched = watchAll(b, id)
      const said = await b.post(`/v1/runs/${id}/input`, { content: 'Mind the gap.', client_ref: 'c-1' })
      t.equal(said.status, 202)
      await redis.flush()
      await doomed.kill()
      await executor.closed()
      const again = await dial(t, b, installation, { open: [call['tool_id']] })
      await redis.flush()
      answer(again, call, 'made it')
      t.match(await again.receive('run_finished'), { status: 'completed' })
      const { facts } = await readRun(b, id)
      t.match(
        facts.filter(({ type }) => type === 'input').map(({ payload }) => payload),
        [{ client_ref: 'c-1', content: 'Mind the gap.' }],
      )
      const seen = await watched
      t.strictSame(
        seen.filter(({ id }) => id.endsWith('-0')),
        facts,
        'who watched has every fact, once and in order',
      )
    },
  )

  t.test(
    'R10 a replica that is told to stop is gone within 30 s and fails none of 200 runs',
    { timeout: 120_000 },
    async (t) => {
      const [a, b] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])
      const count = 200
      const runs = await Promise.all(Array.from({ length: count }, () => begin(t, a)))
      const talk = await dial(t, a, install())
      const talking = await startRun(talk, 'slow answer')
      await answerBootstrap(talk)
      const heard = watchAll(b, talking)
      await talk.receive(
        'run_event',
        (payload) => (payload['event'] as { type: string }).type === 'agent_message_delta',
      )
      const startedAt = Date.now()
      process.kill(a.pid, 'SIGTERM')
      const ends = await Promise.all(
        runs.map(async ({ installation, executor, call }) => {
          t.equal((await executor.closed()).code, 1012)
          t.ok(
            executor.frames.some(({ type }) => type === 'drain'),
            'it is told why',
          )
          const again = await dial(t, b, installation, { open: [call['tool_id']] })
          answer(again, call, 'made it')
          const finished = await again.receive('run_finished')
          again.socket.terminate()
          return finished['status']
        }),
      )
      t.strictSame(
        ends.filter((status) => status !== 'completed'),
        [],
      )
      t.equal((await talk.closed()).code, 1012)
      await a.gone
      const goneMs = Date.now() - startedAt
      t.comment(`gone after ${goneMs} ms`)
      const answers = (
        await query(`SELECT payload FROM run_log WHERE generation_id = $1 AND type = 'agent_message'`, talking)
      ).map(({ payload }) => payload as { content: string })
      t.match(answers, [{ content: /worth it/ }], 'the answer that was being given is on record, whole')
      t.equal(
        (await messagesOf(model.requests.length)).some(({ role }) => role === 'user'),
        true,
      )
      const asked = model.requests.filter(({ body }) => JSON.stringify(body).includes('slow answer')).length
      t.equal(asked, 1, 'and was asked for once')
      await query(`UPDATE run_inbox SET taken_at = now()`)
      t.equal((await b.post(`/v1/runs/${talking}/cancel`, {})).status, 202)
      heard.catch(() => undefined)
    },
  )

  t.test('a replica that is leaving says so, and takes no more executors', async (t) => {
    const a = await startMaestro(t, uses)
    const executor = await dial(t, a, install())
    await startRun(executor, 'talk')
    await answerBootstrap(executor)
    await executor.receive(
      'run_event',
      (payload) => (payload['event'] as { type: string }).type === 'agent_message_delta',
    )
    t.equal((await a.fetch('/readyz')).status, 200)
    process.kill(a.pid, 'SIGTERM')
    const answered = await untilReady(a, 503)
    t.match(answered, { failing: ['stopping'] })
    await t.rejects(connectExecutor(t, a), { message: /503/ })
    t.match(await executor.receive('run_finished'), { status: 'completed' }, 'an answer that ends the run ends it here')
    t.equal((await executor.closed()).code, 1012)
    await a.gone
  })

  t.test('the newest connection wins on one replica too: the older is closed with 4409', async (t) => {
    const a = await startMaestro(t, uses)
    const { installation, executor, call } = await begin(t, a)
    const second = await dial(t, a, installation, { open: [call['tool_id']] })
    t.equal((await executor.closed()).code, 4409)
    answer(second, call, 'made it')
    t.match(await second.receive('run_finished'), { status: 'completed' })
  })

  t.test('an entry that this release cannot read is named and its run set aside; the others go on', async (t) => {
    const a = await startMaestro(t, uses)
    const { installation, executor, id: bad, call: badCall } = await begin(t, a)
    const good = await startRun(executor, 'one call')
    await answerBootstrap(executor)
    const goodCall = await executor.receive('run_tool', isShell)
    executor.socket.terminate()
    await untilRow(query, bad, 'waiting_executor')
    await query(`UPDATE run_log SET type = 'dreamt' WHERE generation_id = $1 AND position = 7`, bad)

    const again = await dial(t, a, installation, { open: [badCall['tool_id'], goodCall['tool_id']] })
    const said = await again.receive('error')
    t.match(said, { code: 'run.unreadable', ref: `run:${bad}`, fatal: false, message: /entry 7 .*"dreamt"/ })
    answer(again, goodCall, 'made it')
    t.match(await again.receive('run_finished'), { generation_id: good, status: 'completed' })
    answer(again, badCall, 'made it')
    const row = await a.json(`/v1/runs/${bad}`)
    t.match(row, { status: 'waiting_executor', error: /entry 7/ })
    const ref = `tool_result:${String(badCall['tool_id'])}`
    const isStored = again.frames.some(({ type, payload }) => type === 'stored' && payload['ref'] === ref)
    t.notOk(isStored, 'its result is not taken, so it comes again')
    t.equal((await a.post(`/v1/runs/${bad}/cancel`, { client_ref: 'c' })).status, 202)
    again.socket.terminate()
    await dial(t, a, installation)
    await untilRow(query, bad, 'cancelled')
  })

  t.test('while Postgres is away runs wait, and /readyz says no; then they go on', async (t) => {
    const own = new URL(databaseUrl)
    const port = Number(own.port || 5432)
    const proxy = await startTcpProxy(() => [port], createRandom(1))
    t.teardown(() => proxy.close())
    own.port = String(proxy.port)
    const a = await startMaestro(t, { ...uses, databaseUrl: own.href })
    const { executor, id, call } = await begin(t, a)
    proxy.refuse()
    t.match(await untilReady(a, 503), { failing: ['postgres'] })
    answer(executor, call, 'made it')
    t.equal((await a.fetch(`/v1/runs/${id}`)).status, 503, 'who asks over HTTP is told so soon')
    proxy.accept()
    t.match(await executor.receive('run_finished'), { status: 'completed' }, 'on the same connection')
    t.match(await untilReady(a, 200), { status: 'ready' })
    proxy.cut(true)
    const { run } = await readRun(a, id)
    t.equal(run['status'], 'completed', 'connections that were cut are made anew')
  })

  t.test('while Redis is away runs go on, and viewers of another replica catch up', async (t) => {
    const [a, b] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])
    const { executor, id, call } = await begin(t, a)
    const watched = watchAll(b, id)
    await redis.stop()
    answer(executor, call, 'made it')
    t.match(await executor.receive('run_finished'), { status: 'completed' })
    await redis.start()
    const seen = await watched
    t.strictSame(
      seen.filter(({ id }) => id.endsWith('-0')),
      (await readRun(a, id)).facts,
    )
  })
}

async function watchAll(maestro: MaestroProcess, id: string) {
  const seen = []
  for await (const event of watchRun(maestro, id)) seen.push(event)
  return seen
}

/** What /readyz says once it answers so. */
async function untilReady(maestro: MaestroProcess, status: number): Promise<unknown> {
  for (;;) {
    const answered = await maestro.fetch('/readyz')
    if (answered.status === status) return answered.json()
    await answered.text()
  }
}

async function untilRow(
  query: (text: string, ...values: unknown[]) => Promise<Record<string, unknown>[]>,
  id: string,
  status: string,
): Promise<void> {
  for (;;) {
    const [row] = await query('SELECT status FROM runs WHERE generation_id = $1', id)
    if (row?.['status'] === status) return
  }
}
