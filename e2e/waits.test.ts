import { randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { readRun, watchRun } from '#support/events'
import type { Frame, TestExecutor } from '#support/executor'
import { parseExposition, valueOf } from '#support/exposition'
import { answer, answerBootstrap, dial, install, keyOf, startRun } from '#support/installation'
import type { Installation } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { requireServices } from '#support/services'
import type { Services } from '#support/services'

type Payload = Frame['payload']

const conversations = [
  {
    name: 'ask',
    when: 'ask me',
    steps: [
      { text: 'I ask. ', calls: [{ tool: 'Shell', arguments: { command: 'make it' } }] },
      { text: 'Done.', expect: [{ results: 1, contains: 'made it' }] },
    ],
  },
  {
    name: 'late',
    when: 'be late',
    steps: [
      { calls: [{ tool: 'Shell', arguments: { command: 'make it' } }] },
      { calls: [{ tool: 'Shell', arguments: { command: 'look' } }] },
      { text: 'I see.' },
    ],
  },
  { name: 'steered', when: 'rather so', steps: [{ text: 'Rather so.', expect: [{ contains: 'made it' }] }] },
]

const services = await requireServices(t)
if (services) await testWaits(services)

async function testWaits({ databaseUrl, redisUrl }: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { conversations } })
  t.teardown(() => model.stop())
  const env = { MAESTRO_PARK_AFTER_SECONDS: '1', MAESTRO_SWEEP_SECONDS: '1' }
  const uses = { modelUrl: model.url, databaseUrl, redisUrl, token: randomUUID(), env }
  const startReplica = (t: Test): Promise<MaestroProcess> => startMaestro(t, uses)
  const [a, b] = await Promise.all([startReplica(t), startReplica(t)])
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  t.teardown(() => client.end())
  const query = async (text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> =>
    (await client.query(text, values)).rows
  const rowOf = async (id: string): Promise<Record<string, unknown>> => {
    const [row] = await query('SELECT * FROM runs WHERE generation_id = $1', id)
    return row ?? {}
  }
  const abandon = async (...ids: string[]): Promise<void> => {
    await query(`UPDATE runs SET parked_at = now() - interval '8 days' WHERE generation_id = ANY ($1)`, ids)
  }
  const untilParked = async (id: string, status: string): Promise<void> => {
    for (;;) {
      const row = await rowOf(id)
      if (row['parked_at'] !== null && row['status'] === status) return
      await pause()
    }
  }
  const inboxOf = (id: string): Promise<Record<string, unknown>[]> =>
    query('SELECT type, taken_at FROM run_inbox WHERE generation_id = $1', id)

  t.test('a run that waits for a person is out of memory until he answers, and then goes on (R9)', async (t) => {
    const { executor, id, call } = await startAsking(t, a, install())
    const before = await openRuns(a)
    t.equal(before('waiting_approval') + before('parked'), 1)
    await untilParked(id, 'waiting_approval')
    await untilFigure(a, (of) => of('parked') === 1)
    const figures = await openRuns(a)
    t.equal(figures('waiting_approval'), 0, 'nothing drives it')

    executor.send('approval_resolved', { ...keyOf(call), outcome: 'allowed', by: 'its owner' })
    await executor.receive('stored', ({ ref }) => ref === `approval_resolved:${String(call['tool_id'])}`)
    t.match(await rowOf(id), { status: 'waiting_tool', parked_at: null, claims: 0, epoch: '1' })
    answer(executor, call, 'made it')
    t.match(await executor.receive('run_finished'), { generation_id: id, status: 'completed', summary: 'Done.' })
    const { facts } = await readRun(b, id)
    t.notOk(
      facts.some(({ type }) => type === 'claimed'),
      'it never had another owner',
    )
    t.strictSame(
      factsOf(executor, id),
      facts.map(({ id: event }) => event),
      'its executor is sent all that happened, each once',
    )
    t.equal(executor.frames.filter(({ type, payload }) => type === 'run_tool' && isOf(call)(payload)).length, 1)
  })

  t.test('a question waits through the kill of its server, and is answered by whoever has it then', async (t) => {
    const doomed = await startReplica(t)
    const installation = install()
    const { id, call } = await startAsking(t, doomed, installation)
    await untilParked(id, 'waiting_approval')
    await doomed.kill()
    const again = await dial(t, b, installation, { open: [call['tool_id']] })
    t.strictSame(await again.receive('run_tool'), call, 'the new owner asks for the same call')
    await untilParked(id, 'waiting_approval')
    again.send('approval_resolved', { ...keyOf(call), outcome: 'allowed', by: 'its owner' })
    answer(again, call, 'made it')
    t.match(await again.receive('run_finished'), { generation_id: id, status: 'completed', summary: 'Done.' })
  })

  t.test('a parked question is answered over HTTP at the other replica, and the run goes on (R9)', async (t) => {
    const { executor, id, call } = await startAsking(t, a, install())
    await untilParked(id, 'waiting_approval')
    const path = `/v1/runs/${id}/approvals/${String(call['tool_id'])}`
    const post = (to: MaestroProcess): Promise<Response> => to.post(path, { option_id: 'allow', client_ref: 'a-1' })
    const [accepted, ...repeats] = await Promise.all([b, a, b, a].map(post))
    t.ok(repeats.every(({ status }) => status === 202))
    t.equal(accepted?.status, 202)
    t.match(await accepted?.json(), {
      generation_id: id,
      tool_id: call['tool_id'],
      option_id: 'allow',
      client_ref: 'a-1',
      note: /owner decides/,
    })
    t.match(await executor.receive('approval_answer'), {
      tool_id: call['tool_id'],
      option_id: 'allow',
      by: /^token-/,
    })
    executor.send('approval_resolved', { ...keyOf(call), outcome: 'allowed', by: 'somebody (over the server)' })
    answer(executor, call, 'made it')
    t.match(await executor.receive('run_finished'), { generation_id: id, status: 'completed', summary: 'Done.' })
    t.equal((await b.post(path, { option_id: 'allow', client_ref: 'a-1' })).status, 202, 'what was accepted stays so')
    t.equal((await b.post(path, { option_id: 'allow' })).status, 409)
    const answers = executor.frames.filter(({ type }) => type === 'approval_answer')
    t.equal(answers.length, 1, 'it is proposed once')
    t.match(await inboxOf(id), [{ type: 'approval_answer', taken_at: Date }])
  })

  t.test('an answer is proposed to each connection of the executor until it has judged it', async (t) => {
    const installation = install()
    const { executor, id, call } = await startAsking(t, a, installation)
    const path = `/v1/runs/${id}/approvals/${String(call['tool_id'])}`
    t.equal((await b.post(path, { option_id: 'allow' })).status, 202)
    const proposed = await executor.receive('approval_answer')
    await untilParked(id, 'waiting_approval')
    t.equal(executor.frames.filter(({ type }) => type === 'approval_answer').length, 1, 'not again to the same one')
    executor.socket.terminate()
    await untilParked(id, 'waiting_executor')

    const again = await dial(t, b, installation, { open: [call['tool_id']] })
    await again.receive('run_tool', isOf(call))
    t.strictSame(await again.receive('approval_answer'), proposed, 'after its call')
    const ref = `approval_answer:${String(call['tool_id'])}`
    const watched = watchRun(a, id)
    const refusal = (async () => {
      for await (const { type, payload } of watched) if (type === 'answer_refused') return payload
      return undefined
    })()
    again.send('error', { code: 'tool.denied', message: 'Not from afar.', ref, fatal: false, retryable: false })
    t.match(await refusal, { tool_id: call['tool_id'], by: /^token-/, reason: 'Not from afar.' })
    again.send('stored', { ref })
    while ((await inboxOf(id)).some((row) => row['taken_at'] === null)) await pause()
    await untilParked(id, 'waiting_approval')
    again.socket.terminate()
    await untilParked(id, 'waiting_executor')

    const third = await dial(t, a, installation, { open: [call['tool_id']] })
    await third.receive('run_tool', isOf(call))
    t.equal((await b.post(path, { option_id: 'deny' })).status, 202)
    t.match(await third.receive('approval_answer'), { option_id: 'deny' }, 'what was judged is not proposed again')
    third.send('approval_resolved', { ...keyOf(call), outcome: 'denied', by: 'somebody (over the server)' })
    third.send('tool_result', { ...keyOf(call), status: 'denied', result: 'made it not' })
    await third.receive('run_finished')
  })

  t.test('an answer to no open question is refused in one sentence', async (t) => {
    const { id, call } = await startAsking(t, a, install())
    const post = (path: string, body: object): Promise<Response> => b.post(`/v1/runs/${path}`, body)
    const tool = String(call['tool_id'])
    const refusals: [string, object, number, RegExp][] = [
      [`none-such/approvals/${tool}`, { option_id: 'allow' }, 404, /no run/],
      [`${id}/approvals/none-such`, { option_id: 'allow' }, 409, /no open question/],
      [`${id}/approvals/${tool}`, { option_id: 'perhaps' }, 400, /takes allow, deny/],
      [`${id}/approvals/${tool}`, { option_id: '' }, 400, /option_id/],
      [`${id}/approvals/${tool}`, { option_id: 'deny', more: 1 }, 400, /additional/],
    ]
    for (const [path, body, status, message] of refusals) {
      const refused = await post(path, body)
      t.equal(refused.status, status, path)
      t.match(JSON.parse(await refused.text()), { error: { message } })
    }
    t.strictSame(await inboxOf(id), [])
    for (let index = 0; index < 20; index += 1)
      t.equal((await post(`${id}/approvals/${tool}`, { option_id: 'allow' })).status, 202)
    t.equal((await post(`${id}/approvals/${tool}`, { option_id: 'allow' })).status, 429)
  })

  t.test('a parked run is cancelled from the other replica', async (t) => {
    const { executor, id, call } = await startAsking(t, a, install())
    await untilParked(id, 'waiting_approval')
    t.equal((await b.post(`/v1/runs/${id}/cancel`, { reason: 'enough' })).status, 202)
    t.match(await executor.receive('cancel_tool'), { ...keyOf(call), reason: 'enough' })
    executor.send('approval_resolved', { ...keyOf(call), outcome: 'cancelled', by: 'maestro' })
    executor.send('tool_result', { ...keyOf(call), status: 'cancelled', result: 'ended' })
    t.match(await executor.receive('run_finished'), { status: 'cancelled', error: { message: 'enough' } })
  })

  t.test('a parked run that is spoken to is parked again, and what was said is shown in its place', async (t) => {
    const { executor, id, call } = await startAsking(t, a, install())
    await untilParked(id, 'waiting_approval')
    const said = { content: 'rather so', client_ref: 'i-1' }
    t.equal((await b.post(`/v1/runs/${id}/input`, said)).status, 202)
    executor.send('approval_resolved', { ...keyOf(call), outcome: 'allowed', by: 'its owner' })
    answer(executor, call, 'made it')
    t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'Rather so.' })
    const { facts } = await readRun(b, id)
    t.equal(facts.filter(({ type }) => type === 'input').length, 1)
  })

  t.test('a run waits for its absent executor, and what it waited does not count against its time', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const start = { client_ref: 'short', prompt: 'ask me', cwd: '/work', mode: 'auto', limits: { seconds: 100 } }
    executor.send('start_run', start)
    const id = String((await executor.receive('run_started'))['generation_id'])
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool')
    await askOwner(executor, call)
    await untilParked(id, 'waiting_approval')
    executor.socket.terminate()
    await untilParked(id, 'waiting_executor')
    // The question is answered two days later.
    const aged = `UPDATE run_log SET created_at = created_at - interval '2 days' WHERE generation_id = $1`
    await query(aged, id)
    await query(`UPDATE runs SET created_at = created_at - interval '2 days' WHERE generation_id = $1`, id)
    const again = await dial(t, b, installation, { open: [call['tool_id']] })
    await again.receive('run_tool', isOf(call))
    again.send('approval_resolved', { ...keyOf(call), outcome: 'allowed', by: 'its owner' })
    answer(again, call, 'made it')
    t.match(await again.receive('run_finished'), { generation_id: id, status: 'completed', summary: 'Done.' })
  })

  t.test('what nobody comes back for is ended once, and says that nobody knows how its call ended', async (t) => {
    const installation = install()
    const { executor, id, call } = await startAsking(t, a, installation)
    executor.socket.terminate()
    await untilParked(id, 'waiting_executor')
    await abandon(id)
    const { run, facts } = await readRun(b, id)
    t.match(run, { status: 'failed', error: /Nobody came back for this run for 7 days.*1 open call is unknown/ })
    const last = facts.filter(({ type }) => type === 'run_finished')
    t.match(last, [{ payload: { status: 'failed', error: { code: 'run.abandoned' }, usage: { turns: 1 } } }])
    t.notOk(
      facts.some(({ type, payload }) => type === 'tool_call_finished' && isOf(call)(payload)),
      'only the executor ends a call',
    )

    const again = await dial(t, b, installation, { open: [call['tool_id']] })
    t.strictSame(again.welcome['runs'], [])
    const late = lateResults(await figuresOf(b))
    answer(again, call, 'made it at last')
    await again.receive('stored', ({ ref }) => ref === `tool_result:${String(call['tool_id'])}`)
    t.equal(lateResults(await figuresOf(b)), late + 1, 'it is counted')
    t.match(b.log(), new RegExp(`late result \\(success\\) of the call ${String(call['tool_id'])}`))
    t.strictSame((await readRun(a, id)).facts, facts, 'and not used')
  })

  t.test('a result that comes for a call that has ended is counted, logged and not used (PR-45)', async (t) => {
    const executor = await dial(t, a, install())
    const id = await startRun(executor, 'be late')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool')
    // Whoever cannot say how a call ended has it end as an error.
    executor.send('tool_result', { ...keyOf(call), status: 7 })
    const look = await executor.receive('run_tool')
    const late = lateResults(await figuresOf(a))
    answer(executor, call, 'made it at last')
    await executor.receive('stored', ({ ref }) => ref === `tool_result:${String(call['tool_id'])}`)
    t.equal(lateResults(await figuresOf(a)), late + 1)
    t.match(a.log(), new RegExp(`late result \\(success\\) of the call ${String(call['tool_id'])}`))
    answer(executor, look, 'nothing')
    t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'I see.' })
    const { facts } = await readRun(b, id)
    const ends = facts.filter(({ type, payload }) => type === 'tool_call_finished' && isOf(call)(payload))
    t.match(ends, [{ payload: { status: 'error' } }])
    t.notMatch(JSON.stringify([facts, model.requests]), /made it at last/)
  })

  t.test('of many abandoned runs each is ended once, whoever sweeps', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const ids: string[] = []
    for (let index = 0; index < 12; index += 1) ids.push(await startRun(executor, 'ask me'))
    executor.socket.terminate()
    for (const id of ids) await untilParked(id, 'waiting_executor')
    const before = abandoned(await figuresOf(a)) + abandoned(await figuresOf(b))
    await abandon(...ids)
    for (const id of ids) t.equal((await readRun(b, id)).facts.filter(({ type }) => type === 'run_finished').length, 1)
    t.equal(abandoned(await figuresOf(a)) + abandoned(await figuresOf(b)), before + ids.length)
  })

  t.test('an executor that is connected is told when its parked run was ended elsewhere', async (t) => {
    const { executor, id } = await startAsking(t, a, install())
    await untilParked(id, 'waiting_approval')
    await untilFigure(a, (of) => of('parked') === 1)
    await abandon(id)
    t.match(await executor.receive('run_finished'), { generation_id: id, status: 'failed' })
    await untilFigure(a, (of) => of('parked') === 0)
    const { facts } = await readRun(b, id)
    t.strictSame(
      factsOf(executor, id),
      facts.map(({ id: event }) => event),
    )
    executor.send('goodbye', { reason: 'done' })
    t.equal((await executor.closed()).code, 1000)
  })

  t.test('a start that nobody took up ends as well', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    executor.send('goodbye', { reason: 'done' })
    await executor.closed()
    const start = { executor_id: installation.id, prompt: 'ask me', cwd: '/work' }
    const accepted = await b.post('/v1/runs', start)
    t.equal(accepted.status, 202)
    const id = String(JSON.parse(await accepted.text()).generation_id)
    await abandon(id)
    const { run, facts } = await readRun(b, id)
    t.match(run, { status: 'failed', error: /Nobody took this run up for 7 days/ })
    t.strictSame(
      facts.map(({ type }) => type),
      ['run_started', 'run_finished'],
    )
  })
}

/** Starts a run at whose one call its owner is asked. */
async function startAsking(t: Test, maestro: MaestroProcess, installation: Installation) {
  const executor = await dial(t, maestro, installation)
  const id = await startRun(executor, 'ask me')
  await answerBootstrap(executor)
  const call = await executor.receive('run_tool')
  await askOwner(executor, call)
  return { executor, id, call }
}

async function askOwner(executor: TestExecutor, call: Payload): Promise<void> {
  executor.send('approval_requested', {
    ...keyOf(call),
    title: 'Shell make it',
    preview: { command: 'make it' },
    digest: 'sha256:0',
    options: [
      { id: 'allow', kind: 'allow', label: 'Yes' },
      { id: 'deny', kind: 'deny', label: 'No' },
    ],
    expires_in_ms: 1_000_000,
  })
  await executor.receive('stored', ({ ref }) => ref === `approval_requested:${String(call['tool_id'])}`)
}

function isOf(call: Payload): (payload: Payload) => boolean {
  return (payload) => payload['tool_id'] === call['tool_id']
}

function factsOf(executor: TestExecutor, generationId: string): string[] {
  return executor.frames
    .filter(({ type, payload }) => type === 'run_event' && payload['generation_id'] === generationId)
    .map(({ payload }) => String(payload['event_id']))
    .filter((event) => event.endsWith('-0'))
}

function abandoned(figures: Awaited<ReturnType<typeof figuresOf>>): number {
  return valueOf(figures, 'maestro_runs_abandoned_total')
}

function lateResults(figures: Awaited<ReturnType<typeof figuresOf>>): number {
  const samples = figures.get('maestro_tool_results_late_total')?.samples ?? []
  return samples.reduce((sum, { value }) => sum + value, 0)
}

async function figuresOf(maestro: MaestroProcess): Promise<ReturnType<typeof parseExposition>> {
  return parseExposition(await (await maestro.fetch('/metrics')).text())
}

/** How many runs a replica has open, by state. */
async function openRuns(maestro: MaestroProcess): Promise<(state: string) => number> {
  const figures = await figuresOf(maestro)
  return (state) => valueOf(figures, 'maestro_runs_open', { state })
}

async function untilFigure(maestro: MaestroProcess, isSo: (of: (state: string) => number) => boolean): Promise<void> {
  while (!isSo(await openRuns(maestro))) await pause()
}

/** Between two looks at what tells nobody that it changed. */
function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}
