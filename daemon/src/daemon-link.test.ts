import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { RunStarted } from '@codegen/protocol/wire'
import { builtInTools } from '@codegen/protocol/built-in'
import { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import type { TestExecutor, TestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place, TestClient, TestDaemon } from './test-daemon.ts'

type Stage = TestDaemon & { readonly maestro: TestMaestro; readonly executor: TestExecutor }

/** A daemon that has been welcomed. */
async function connected(t: Test, place?: Place): Promise<Stage> {
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  const executor = await maestro.next()
  executor.welcome()
  return { ...daemon, maestro, executor }
}

const wish = (project: string, client_ref = 'c-1') => ({
  prompt: 'do it',
  cwd: project,
  mode: 'auto' as const,
  client_ref,
})

/** Starts a run `g-1` from a client. */
async function withRun(t: Test, stage: Stage, mode: 'auto' | 'ask' = 'auto', answer?: string): Promise<TestClient> {
  const client = await stage.client(answer === undefined ? {} : { answer })
  const started = client.request('run/start', { ...wish(stage.project), mode })
  await stage.executor.receive('start_run')
  stage.executor.send(runStarted({}))
  t.strictSame(await started, { generation_id: 'g-1', session_id: 's-1' })
  return client
}

function runStarted(changes: Partial<RunStarted>): { type: 'run_started'; payload: RunStarted } {
  return { type: 'run_started', payload: { client_ref: 'c-1', generation_id: 'g-1', session_id: 's-1', ...changes } }
}

function event(event_id: string, generation_id = 'g-1') {
  return { type: 'run_event' as const, payload: { generation_id, event_id, event: { type: 'usage', payload: {} } } }
}

function finished(event_id?: string) {
  const payload = {
    generation_id: 'g-1',
    status: 'completed' as const,
    ...(event_id ? { last_event_id: event_id } : {}),
  }
  return { type: 'run_finished' as const, payload }
}

test('the handshake says who is here and what it can do, and the token is in a header alone', async (t) => {
  const { maestro, executor, daemon, log } = await connected(t)
  t.match(executor.handshake, {
    client_type: 'codegend',
    initial_prompt: '',
    known_tools: builtInTools.map(({ name }) => name),
    custom_tools: [],
    project_spec: { content: '', file_paths: [] },
    protocol: { version: 1, features: [] },
    executor: { version: '0.1.0', os: process.platform, arch: process.arch },
    open: [],
  })
  t.equal(executor.handshake.executor?.epoch, undefined, 'nobody has welcomed it before')
  t.strictSame(maestro.authorizations, ['Bearer secret'])
  await daemon.stop('done')
  t.notMatch(log(), /secret/)
})

test('a run goes from a client to Maestro and its events and its end come back in order', async (t) => {
  const stage = await connected(t)
  const { executor, project } = stage
  writeFileSync(join(project, 'AGENTS.md'), 'Be brief.')
  const client = await stage.client()
  const started = client.request('run/start', wish(project))
  const { payload } = await executor.receive('start_run')
  t.match(payload, { prompt: 'do it', cwd: project, mode: 'auto', client_ref: 'c-1' })
  t.strictSame(payload.project_spec, { content: 'Be brief.', file_paths: ['AGENTS.md'] })
  executor.send({ type: 'stored', payload: { ref: 'start_run:c-1' } })
  executor.send(runStarted({}))
  for (const id of ['1-0', '1-1', '2-0']) executor.send(event(id))
  executor.send(finished('2-0'))
  t.strictSame(await started, { generation_id: 'g-1', session_id: 's-1' })
  await until(() => client.told.length === 4)
  t.strictSame(client.eventIds(), ['1-0', '1-1', '2-0'])
  t.match(client.told.at(-1), { method: 'run/finished', parameters: { status: 'completed' } })
  t.strictSame((await executor.receive('stored')).payload, { ref: 'run_finished:g-1' })
})

test('a call of a run is run here and answered, its output first', async (t) => {
  const stage = await connected(t)
  const { executor } = stage
  await withRun(t, stage)
  const parameters = { command: 'echo hello; exit 3' }
  executor.send({ type: 'run_tool', payload: { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g-1', parameters } })
  const { payload } = await executor.receive('tool_result')
  t.match(payload, { tool_id: 't-1', generation_id: 'g-1', status: 'error', result: /hello/ })
  const types = executor.frames.map(({ type }) => type)
  t.ok(types.indexOf('tool_output_delta') < types.indexOf('tool_result'))
})

test('results are sent again after each welcome until Maestro has them on record', async (t) => {
  const stage = await connected(t)
  const { executor, maestro } = stage
  await withRun(t, stage)
  const call = (tool_id: string) =>
    ({
      type: 'run_tool',
      payload: { tool_name: 'GetWorkingDirectory', tool_id, generation_id: 'g-1', parameters: {} },
    }) as const
  executor.send(call('t-1'))
  executor.send(call('t-2'))
  await executor.receive('tool_result')
  await executor.receive('tool_result')
  executor.send({ type: 'stored', payload: { ref: 'tool_result:t-1' } })
  executor.send({ type: 'run_finished', payload: { generation_id: 'other', status: 'completed' } })
  await executor.receive('stored')
  executor.socket.terminate()

  const second = await maestro.next()
  t.strictSame(second.handshake.open, ['t-2'])
  t.equal(second.handshake.executor?.epoch, 1, 'the epoch of the last welcome')
  t.equal(second.handshake.executor?.journal_id, executor.handshake.executor?.journal_id)
  second.welcome()
  t.match((await second.receive('tool_result')).payload, { tool_id: 't-2', status: 'success' })
  second.send(call('t-2'))
  t.match(
    (await second.receive('tool_result')).payload,
    { tool_id: 't-2', status: 'success' },
    'a repeat gets the record',
  )
})

test('a codegend that comes back reports what Maestro has not confirmed, and knows its runs', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await startTestDaemon(t, maestro.url, place)
  const executor = await maestro.next()
  executor.welcome()
  await withRun(t, { ...first, maestro, executor })
  const call = { tool_name: 'GetWorkingDirectory', tool_id: 't-1', generation_id: 'g-1', parameters: {} }
  executor.send({ type: 'run_tool', payload: call })
  const { payload } = await executor.receive('tool_result')
  await first.daemon.stop('restart')
  t.equal(await executor.closed, 1000)
  t.equal(executor.frames.at(-1)?.type, 'goodbye')

  await startTestDaemon(t, maestro.url, place)
  const second = await maestro.next()
  t.match(second.handshake, { open: ['t-1'], executor: { id: executor.handshake.executor?.id, epoch: 1 } })
  second.welcome()
  t.strictSame((await second.receive('tool_result')).payload, payload)
  second.send({ type: 'run_tool', payload: { ...call, tool_id: 't-2' } })
  t.match((await second.receive('tool_result')).payload, { tool_id: 't-2', status: 'success' })
})

test('a run that ended while there was no link is open no longer', async (t) => {
  const stage = await connected(t)
  await withRun(t, stage)
  const client = await stage.client()
  t.match(await client.request('daemon/status', {}), { runs_open: 1 })
  stage.executor.socket.terminate()
  const again = await stage.maestro.next()
  again.welcome({ runs: [] })
  await until(async () => (await client.request('daemon/status', {})).runs_open === 0)
})

test("two servers never hear of each other's runs", async (t) => {
  const place = newPlace(t)
  const one = await startTestMaestro(t)
  const first = await startTestDaemon(t, one.url, place)
  const executor = await one.next()
  executor.welcome()
  await withRun(t, { ...first, maestro: one, executor })
  executor.send({
    type: 'run_tool',
    payload: { tool_name: 'GetWorkingDirectory', tool_id: 't-1', generation_id: 'g-1', parameters: {} },
  })
  await executor.receive('tool_result')
  await first.daemon.stop('moving')

  const other = await startTestMaestro(t)
  await startTestDaemon(t, other.url, place)
  const { handshake } = await other.next()
  t.strictSame(handshake.open, [])
  t.equal(handshake.executor?.epoch, undefined)
})

test('a dial that is told of a newer epoch follows it at once (4409)', async (t) => {
  const maestro = await startTestMaestro(t)
  await startTestDaemon(t, maestro.url)
  const first = await maestro.next()
  const payload = { code: 'executor.superseded', message: 'newer', fatal: true, retryable: true, epoch: 41 }
  first.send({ type: 'error', payload })
  first.socket.close(4409)
  const second = await maestro.next()
  t.equal(second.handshake.executor?.epoch, 41)
})

test('a refused token is said in the status and does not make it spin (PR-23)', async (t) => {
  const maestro = await startTestMaestro(t)
  maestro.refuse(401)
  const daemon = await startTestDaemon(t, maestro.url)
  const client = await daemon.client()
  await until(async () => (await client.request('daemon/status', {})).maestro.state === 'waiting')
  await delay(500)
  t.equal(maestro.authorizations.length, 1)
  t.match((await client.request('daemon/status', {})).maestro.error, /refused the token.*CODEGEN_TOKEN/)
  await t.rejects(client.request('run/start', wish(daemon.project)), { code: 'server.unauthenticated' })
})

test('a server that is not there is said at once, and found when it comes', async (t) => {
  const place = newPlace(t)
  const socketPath = join(place.project, 'maestro.sock')
  const daemon = await startTestDaemon(t, `ws+unix:${socketPath}:/v1/executor`, place)
  const client = await daemon.client()
  await t.rejects(client.request('run/start', wish(daemon.project)), {
    code: 'server.unreachable',
    message: /cannot be reached/,
  })
  const maestro = await startTestMaestro(t, { socketPath })
  const started = client.request('run/start', wish(daemon.project))
  const executor = await maestro.next()
  executor.welcome()
  await executor.receive('start_run')
  executor.send(runStarted({}))
  t.match(await started, { generation_id: 'g-1' })
})

test('a start whose answer is lost with the link is asked for again and is one run', async (t) => {
  const stage = await connected(t)
  const client = await stage.client()
  const started = client.request('run/start', wish(stage.project))
  await stage.executor.receive('start_run')
  stage.executor.socket.terminate()
  const second = await stage.maestro.next()
  const run = { generation_id: 'g-1', session_id: 's-1', status: 'running', client_ref: 'c-1' }
  second.welcome({ runs: [run] })
  t.match(await started, { generation_id: 'g-1' })
  t.equal((await second.receive('subscribe')).payload.generation_id, 'g-1')
  second.send(event('1-0'))
  await until(() => client.eventIds().length === 1)
  t.notOk(
    second.frames.some(({ type }) => type === 'start_run'),
    'the welcome has answered it',
  )
})

test('a start that nobody waits for any more does not go on', async (t) => {
  const { client: connect, executor, project } = await connected(t)
  const client = await connect()
  client.request('run/start', wish(project)).catch(() => undefined)
  await executor.receive('start_run')
  client.close()
  await delay(20)
  executor.send(runStarted({}))
  t.match((await executor.receive('cancel_run')).payload, { generation_id: 'g-1' })
})

test('a run the server will not start is told to its starter', async (t) => {
  const { client: connect, executor, project } = await connected(t)
  const client = await connect()
  const refused = client.request('run/start', wish(project))
  await executor.receive('start_run')
  const error = { code: 'run.limit', message: 'Too many runs.' }
  executor.send({
    type: 'run_finished',
    payload: { generation_id: 'g-9', client_ref: 'c-1', status: 'refused', error },
  })
  await t.rejects(refused, { code: 'run.limit', message: 'Too many runs.' })
  const wrong = client.request('run/start', wish(project, 'c-2'))
  await executor.receive('start_run')
  const payload = { code: 'message.invalid', message: 'wrong', ref: 'start_run:c-2', fatal: false, retryable: false }
  executor.send({ type: 'error', payload })
  await t.rejects(wrong, { code: 'message.invalid' })
})

test('a cancel is asked for until it is on record, and told what the server says against it', async (t) => {
  const stage = await connected(t)
  const client = await withRun(t, stage)
  const cancelled = client.request('run/cancel', { generation_id: 'g-1' })
  await stage.executor.receive('cancel_run')
  stage.executor.socket.terminate()
  const second = await stage.maestro.next()
  second.welcome()
  const { client_ref } = (await second.receive('cancel_run')).payload
  second.send({ type: 'stored', payload: { ref: `cancel_run:${client_ref}` } })
  await cancelled
  const late = client.request('run/cancel', { generation_id: 'g-1' })
  const ref = `cancel_run:${(await second.receive('cancel_run')).payload.client_ref}`
  second.send({
    type: 'error',
    payload: { code: 'run.finished', message: 'over', ref, fatal: false, retryable: false },
  })
  await t.rejects(late, { code: 'run.finished' })
})

test('wrong frames are answered and the link stays', async (t) => {
  const { executor } = await connected(t)
  const wrong = [
    '{',
    '[]',
    '{"type":"run_tool","payload":{"tool_id":7}}',
    '{"type":"teleport","payload":{}}',
    '['.repeat(100_000),
  ]
  for (const text of wrong) {
    executor.sendText(text)
    t.match((await executor.receive('error')).payload, { fatal: false })
  }
  t.equal(executor.socket.readyState, executor.socket.OPEN)
})

test('a binary frame is refused with 1003, one that is too big with 1009 (PR-07, PR-13)', async (t) => {
  const { executor, maestro } = await connected(t)
  executor.socket.send(Buffer.from('x'))
  t.equal(await executor.closed, 1003)
  const second = await maestro.next()
  second.welcome()
  second.sendText('x'.repeat(8 * 1024 * 1024 + 1))
  t.equal(await second.closed, 1009)
})

test('no frame is larger than the server takes: a result is cut before (PR-07)', async (t) => {
  const stage = await connected(t)
  await withRun(t, stage)
  stage.executor.socket.terminate()
  const executor = await stage.maestro.next()
  executor.welcome({ limits: { max_message_bytes: 2_048 } })
  const parameters = { command: `printf '"é%.0s' $(seq 20000)` }
  executor.send({ type: 'run_tool', payload: { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g-1', parameters } })
  const { payload } = await executor.receive('tool_result')
  t.match(payload, { status: 'success', truncated: true })
  for (const frame of executor.frames.slice(1)) t.ok(Buffer.byteLength(JSON.stringify(frame)) <= 2_048)
})

test('R11 half-open links are found: a server that falls silent is given up after two intervals', async (t) => {
  const { maestro, executor } = await connected(t)
  executor.socket.terminate()
  const silent = await maestro.next()
  silent.welcome({ heartbeat_ms: 60 })
  t.ok(await maestro.next(), 'it is dialled anew, though nobody closed the connection')
})

test('a server that pings is kept', async (t) => {
  const { executor } = await connected(t)
  executor.welcome()
  const pings = setInterval(() => executor.socket.ping(), 20)
  t.teardown(() => clearInterval(pings))
  await delay(400)
  t.equal(executor.socket.readyState, executor.socket.OPEN)
})

test('a server that leaves is left, and dialled again when it says', async (t) => {
  const { executor, maestro } = await connected(t)
  executor.send({ type: 'drain', payload: { reason: 'deploy', reconnect_in_ms: 50 } })
  t.equal(await executor.closed, 1000)
  t.equal((await maestro.next()).handshake.executor?.epoch, 1)
})

test('a viewer that comes late gets what it lacks, others nothing twice', async (t) => {
  const stage = await connected(t)
  const { executor, maestro } = stage
  const first = await withRun(t, stage)
  for (const id of ['1-0', '2-0', '3-0']) executor.send(event(id))
  await until(() => first.eventIds().length === 3)
  maestro.answers.set('/v1/runs/g-1', summary({ finished_at: null }))
  const late = await stage.client()
  await late.request('run/attach', { generation_id: 'g-1', after: '1-0' })
  t.strictSame((await executor.receive('subscribe')).payload, { generation_id: 'g-1', after: '1-0' })
  // One event of the stream before is still on its way; then the stream begins again.
  for (const id of ['4-0', '2-0', '3-0', '4-0', '5-0']) executor.send(event(id))
  await until(() => late.eventIds().length === 4 && first.eventIds().length === 5)
  t.strictSame(late.eventIds(), ['2-0', '3-0', '4-0', '5-0'])
  t.strictSame(first.eventIds(), ['1-0', '2-0', '3-0', '4-0', '5-0'])
})

test('an end that overtakes its events waits for them, asking for them again, however long they take (R5)', async (t) => {
  const stage = await connected(t)
  const client = await withRun(t, stage)
  const { executor } = stage
  executor.send(event('1-0'))
  executor.send(finished('3-0'))
  const toldEarly = until(() => client.told.some(({ method }) => method === 'run/finished')).then(() => 'told')
  const again = executor.receive('subscribe').then(({ payload }) => payload)
  t.strictSame(await Promise.race([again, toldEarly]), { generation_id: 'g-1', after: '1-0' })
  // Nothing came of that one either: the next comes too.
  t.strictSame(await Promise.race([executor.receive('subscribe'), toldEarly]), {
    type: 'subscribe',
    payload: { generation_id: 'g-1', after: '1-0' },
  })
  executor.send(event('2-0'))
  const end = { type: 'run_finished', payload: { generation_id: 'g-1', status: 'completed' } }
  executor.send({ type: 'run_event', payload: { generation_id: 'g-1', event_id: '3-0', event: end } })
  await toldEarly
  t.strictSame(client.eventIds(), ['1-0', '2-0', '3-0'])
  t.match(client.told.at(-1), { method: 'run/finished', parameters: { status: 'completed' } })
})

test('watching a run that has ended shows it to its end, even to whoever has seen all of it', async (t) => {
  const { client: connect, executor, maestro } = await connected(t)
  maestro.answers.set('/v1/runs/g-1', summary({ finished_at: '2026-01-01T00:00:00Z' }))
  const client = await connect()
  await client.request('run/attach', { generation_id: 'g-1', after: '2-0' })
  t.strictSame((await executor.receive('subscribe')).payload, { generation_id: 'g-1' })
  executor.send(event('1-0'))
  const end = { type: 'run_finished', payload: { generation_id: 'g-1', status: 'completed' } }
  executor.send({ type: 'run_event', payload: { generation_id: 'g-1', event_id: '2-0', event: end } })
  await until(() => client.told.length === 1)
  t.match(client.told, [{ method: 'run/finished', parameters: { status: 'completed' } }])
})

test('a run that cannot be shown is asked for again, or its viewer is told', async (t) => {
  const stage = await connected(t)
  const { executor } = stage
  const client = await withRun(t, stage)
  const error = { message: 'no', ref: 'subscribe:g-1', fatal: false }
  executor.send({ type: 'error', payload: { ...error, code: 'postgres.unreachable', retryable: true } })
  t.equal((await executor.receive('subscribe')).payload.generation_id, 'g-1')
  executor.send({ type: 'error', payload: { ...error, code: 'run.unknown', retryable: false } })
  await until(() => client.told.length === 1)
  t.match(client.told, [{ method: 'run/finished', parameters: { error: { code: 'run.unknown' } } }])
})

test('a run nobody watches any more is not sent any more', async (t) => {
  const stage = await connected(t)
  const client = await withRun(t, stage)
  await client.request('run/detach', { generation_id: 'g-1' })
  t.equal((await stage.executor.receive('unsubscribe')).payload.generation_id, 'g-1')
  stage.executor.send(event('1-0'))
  await stage.executor.receive('unsubscribe')
  t.strictSame(client.eventIds(), [])
})

test('a question goes to the client of its run, its answer decides, and Maestro hears of both', async (t) => {
  const stage = await connected(t)
  await withRun(t, stage, 'ask', 'deny')
  const parameters = { file_path: 'new.txt', content: 'hello\n' }
  const call = { tool_name: 'WriteFile', tool_id: 't-1', generation_id: 'g-1', parameters }
  stage.executor.send({ type: 'run_tool', payload: call })
  t.match((await stage.executor.receive('approval_requested')).payload, {
    tool_id: 't-1',
    preview: { diff: /\+hello/ },
  })
  t.match((await stage.executor.receive('approval_resolved')).payload, { tool_id: 't-1', outcome: 'denied' })
  t.match((await stage.executor.receive('tool_result')).payload, { tool_id: 't-1', status: 'denied' })
})

test('runs are listed from Maestro, with the token, for this machine only', async (t) => {
  const { client: connect, executor, maestro } = await connected(t)
  const client = await connect()
  const id = executor.handshake.executor?.id
  maestro.answers.set(`/v1/runs?executor_id=${id}&limit=5`, { runs: [summary({})] })
  t.match(await client.request('run/list', { limit: 5 }), { runs: [{ generation_id: 'g-1' }] })
  t.equal(maestro.authorizations.at(-1), 'Bearer secret')
  const whole = randomUUID()
  maestro.answers.set(`/v1/runs/${whole}`, { nonsense: true })
  await t.rejects(client.request('run/get', { generation_id: whole }), { code: 'message.invalid' })
})

test('a call in flight ends as interrupted when codegend stops, and its process is gone', async (t) => {
  const stage = await connected(t)
  await withRun(t, stage)
  const parameters = { command: 'echo $$; exec sleep 600' }
  stage.executor.send({
    type: 'run_tool',
    payload: { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g-1', parameters },
  })
  const pid = Number((await stage.executor.receive('tool_output_delta')).payload.chunk)
  await stage.daemon.stop('test')
  t.match((await stage.executor.receive('tool_result')).payload, { status: 'interrupted' })
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' })
})

function summary(changes: Record<string, unknown>): Record<string, unknown> {
  const numbers = { turns: 0, input_tokens: 0, output_tokens: 0 }
  const words = {
    generation_id: 'g-1',
    session_id: 's-1',
    status: 'running',
    prompt: 'p',
    cwd: '/',
    mode: 'auto',
    model: 'm',
  }
  return { ...words, ...numbers, created_at: 'now', finished_at: null, error: null, ...changes }
}
