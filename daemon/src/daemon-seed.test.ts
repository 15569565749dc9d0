import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { builtInTools } from '@codegen/protocol/built-in'
import { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import type { TestExecutor, TestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { TestClient, TestDaemon } from './test-daemon.ts'

type Stage = TestDaemon & {
  readonly maestro: TestMaestro
  readonly client0: TestClient
  readonly executor: TestExecutor
  readonly runId: string
}

/** A run at a server that speaks only the founding document's messages. */
async function runAtSeedServer(t: Test, mode: 'auto' | 'ask' = 'auto'): Promise<Stage> {
  const maestro = await startTestMaestro(t, { level: 0 })
  const daemon = await startTestDaemon(t, maestro.url)
  writeFileSync(join(daemon.project, 'AGENTS.md'), 'Be brief.')
  const client0 = await daemon.client()
  const started = client0.request('run/start', { prompt: 'do it', cwd: daemon.project, mode, client_ref: 'c-1' })
  const executor = await maestro.next()
  return { ...daemon, maestro, client0, executor, runId: (await started).generation_id }
}

test('a seed server gets one connection a run, with the five fields of the founding document and no other', async (t) => {
  const { executor } = await runAtSeedServer(t)
  t.strictSame(executor.handshake, {
    client_type: 'codegend',
    initial_prompt: 'do it',
    known_tools: builtInTools.map(({ name }) => name),
    custom_tools: [],
    project_spec: { content: 'Be brief.', file_paths: ['AGENTS.md'] },
  })
})

test('its calls are run and answered by its own ids, and the run ends with the connection', async (t) => {
  const { executor, client0, runId } = await runAtSeedServer(t)
  const call = { tool_name: 'GetWorkingDirectory', tool_id: 't-1', generation_id: 'gen-456', parameters: {} }
  executor.send({ type: 'run_tool', payload: call })
  const { payload } = await executor.receive('tool_result')
  t.match(payload, { tool_id: 't-1', generation_id: 'gen-456', status: 'success' })
  t.strictSame(Object.keys(payload).toSorted(), ['generation_id', 'result', 'status', 'tool_id'])
  executor.send({ type: 'agent_message_delta', payload: { generation_id: 'gen-456', content: 'All done.' } })
  executor.socket.close(1000)
  await until(() => client0.told.some(({ method }) => method === 'run/finished'))
  const types = client0.told.map(({ parameters: { event } }) => event)
  t.match(types, [
    { type: 'run_started', payload: { generation_id: runId, prompt: 'do it' } },
    { type: 'tool_call', payload: { tool_name: 'GetWorkingDirectory' } },
    { type: 'tool_call_finished', payload: { status: 'success' } },
    { type: 'agent_message_delta', payload: { content: 'All done.' } },
    { type: 'agent_message', payload: { content: 'All done.' } },
    { type: 'run_finished', payload: { status: 'completed' } },
  ])
  t.strictSame(client0.eventIds(), ['1-0', '2-0', '3-0', '3-1', '4-0', '5-0'])
})

test('two runs may use the same ids', async (t) => {
  const { executor, maestro, client0, project } = await runAtSeedServer(t)
  const second = client0.request('run/start', { prompt: 'more', cwd: project, mode: 'auto', client_ref: 'c-2' })
  const other = await maestro.next()
  await second
  const call = { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g' }
  executor.send({ type: 'run_tool', payload: { ...call, parameters: { command: 'echo one' } } })
  other.send({ type: 'run_tool', payload: { ...call, parameters: { command: 'echo two' } } })
  t.match((await executor.receive('tool_result')).payload, { result: /one/ })
  t.match((await other.receive('tool_result')).payload, { result: /two/ })
})

test('its runs are asked about like any other', async (t) => {
  const { executor, client0, client } = await runAtSeedServer(t, 'ask')
  const call = { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g', parameters: { command: 'touch x' } }
  executor.send({ type: 'run_tool', payload: call })
  await until(async () => (await client0.request('approval/list', {})).approvals.length === 1)
  const [question] = (await client0.request('approval/list', {})).approvals
  await (await client()).request('approval/respond', { tool_id: question?.tool_id ?? '', option_id: 'deny' })
  t.match((await executor.receive('tool_result')).payload, { tool_id: 't-1', status: 'denied' })
  t.notOk(
    executor.frames.some(({ type }) => type.startsWith('approval')),
    'which is none of its messages',
  )
})

test('a connection that breaks is a run that failed; a cancel closes it; calls in flight end', async (t) => {
  const { executor, client0 } = await runAtSeedServer(t)
  executor.socket.close(1011, 'no model')
  await until(() => client0.told.some(({ method }) => method === 'run/finished'))
  t.match(client0.told.at(-1)?.parameters, { status: 'failed', error: { message: /1011: no model/ } })

  const again = await runAtSeedServer(t)
  const call = { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g', parameters: { command: 'sleep 600' } }
  again.executor.send({ type: 'run_tool', payload: call })
  await until(async () => (await again.client0.request('daemon/status', {})).calls_open === 1)
  await again.client0.request('run/cancel', { generation_id: again.runId })
  t.equal(await again.executor.closed, 1000)
  await until(() => again.client0.told.some(({ method }) => method === 'run/finished'))
  t.match(again.client0.told.at(-1)?.parameters, { status: 'cancelled' })
  await until(async () => (await again.client0.request('daemon/status', {})).calls_open === 0)
  await t.rejects(again.client0.request('run/cancel', { generation_id: again.runId }), { code: 'run.unknown' })
})

test('a second client sees the run from its beginning', async (t) => {
  const { executor, client, runId } = await runAtSeedServer(t)
  executor.send({ type: 'agent_message_delta', payload: { generation_id: 'g', content: 'Hello' } })
  const late = await client()
  await late.request('run/attach', { generation_id: runId })
  await until(() => late.eventIds().length === 2)
  t.strictSame(late.eventIds(), ['1-0', '1-1'])
})

test("messages that are not the founding document's, and wrong ones, are ignored", async (t) => {
  const { executor, log } = await runAtSeedServer(t)
  executor.sendText('{')
  executor.sendText('{"type":"news","payload":{}}')
  executor.send({
    type: 'run_tool',
    payload: { tool_name: 'GetWorkingDirectory', tool_id: 't-1', generation_id: 'g', parameters: {} },
  })
  t.match((await executor.receive('tool_result')).payload, { status: 'success' })
  t.match(log(), /not understood/)
})

test('after a kill nothing of such a run is told to anybody: no other codegend can go on with it', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t, { level: 0 })
  const first = await startTestDaemon(t, maestro.url, place)
  const client = await first.client()
  const started = client.request('run/start', { prompt: 'p', cwd: place.project, mode: 'auto', client_ref: 'c-1' })
  const executor = await maestro.next()
  await started
  const call = { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g', parameters: { command: 'sleep 600' } }
  executor.send({ type: 'run_tool', payload: call })
  await until(async () => (await client.request('daemon/status', {})).calls_open === 1)
  await first.daemon.stop('restart')
  const second = await (await startTestDaemon(t, maestro.url, place)).client()
  t.match(await second.request('daemon/status', {}), { runs_open: 0, calls_open: 0 })
})
