import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ToolResult } from '@codegen/protocol/wire'
import { test } from 'tap'
import type { Test } from 'tap'
import { toLine } from '#journal/entry'
import { startTestMaestro } from '#link/test-maestro'
import type { TestExecutor } from '#link/test-maestro'
import { connectClient, newPlace, until } from './test-daemon.ts'
import type { Place } from './test-daemon.ts'
import { isAlive, run, socketOf, started } from './test-process.ts'

/** Starts run g-1 as a client does. */
async function beginRun(t: Test, place: Place, executor: TestExecutor, mode: 'auto' | 'ask' = 'auto'): Promise<void> {
  const client = await connectClient(t, socketOf(place))
  const begun = client.request('run/start', { prompt: 'p', cwd: place.project, mode, client_ref: 'c-1' })
  await executor.receive('start_run')
  executor.send({ type: 'run_started', payload: { client_ref: 'c-1', generation_id: 'g-1', session_id: 's-1' } })
  await begun
}

/** The next result, which is put on record. */
async function resultOf(executor: TestExecutor): Promise<ToolResult> {
  const { payload } = await executor.receive('tool_result')
  executor.send({ type: 'stored', payload: { ref: `tool_result:${payload.tool_id}` } })
  return payload
}

async function statusOf(t: Test, place: Place) {
  const client = await connectClient(t, socketOf(place))
  return client.request('daemon/status', {})
}

function shell(toolId: string, command: string) {
  return { tool_name: 'Shell', tool_id: toolId, generation_id: 'g-1', parameters: { command } }
}

/** A command that counts how often it ran and goes on until a file is there. */
function untilThere(name: string): string {
  return `echo ran >> ${name}.count; echo $$; while ! test -e ${name}; do sleep 0.02; done; echo over`
}

/** Starts a call and waits until it has printed the number of its process. */
async function start(executor: TestExecutor, call: ReturnType<typeof shell>): Promise<number> {
  executor.send({ type: 'run_tool', payload: call })
  return Number((await executor.receive('tool_output_delta')).payload.chunk)
}

test('a planned restart loses no work: the old codegend finishes its call, the new one tells of it (DM-04)', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  await beginRun(t, place, first.executor)
  const call = shell('t-1', untilThere('go'))
  const pid = await start(first.executor, call)

  const second = await started(t, place, maestro, ['--take-over'])
  t.strictSame(second.executor.handshake.open, ['t-1'])
  t.equal(second.executor.handshake.executor?.journal_id, first.executor.handshake.executor?.journal_id)
  t.ok(isAlive(pid), 'the command goes on')
  t.equal(first.child.exitCode, null)
  second.executor.send({ type: 'run_tool', payload: call })
  second.executor.send({ type: 'run_tool', payload: shell('t-2', 'cat go.count; test -e go && echo after') })
  second.executor.send({
    type: 'run_tool',
    payload: { ...shell('t-3', ''), tool_name: 'GetWorkingDirectory', parameters: {} },
  })
  t.match(await resultOf(second.executor), { tool_id: 't-3' }, 'what only looks need not wait')
  t.match(await statusOf(t, place), { calls_open: 2, calls_held: 1 })
  writeFileSync(join(place.project, 'go'), '')
  t.match(await resultOf(second.executor), { tool_id: 't-1', status: 'success', result: /over/ })
  const after = await resultOf(second.executor)
  t.match(after, { tool_id: 't-2', status: 'success', result: /\nran\nafter\n/ }, 'and what writes waits for it')
  t.equal((await first.ended).code, 0, 'the old one leaves')
  t.equal(readFileSync(join(place.project, 'go.count'), 'utf8'), 'ran\n')
})

test('restarts in a row leave each call with whoever runs it', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  await beginRun(t, place, first.executor)
  await start(first.executor, shell('t-1', untilThere('one')))
  const second = await started(t, place, maestro, ['--take-over'])
  second.executor.send({ type: 'run_tool', payload: shell('t-2', 'echo in order') })
  const third = await started(t, place, maestro, ['--take-over'])
  t.equal((await second.ended).code, 0, 'what had not started is given up at once')
  t.strictSame(third.executor.handshake.open, ['t-1', 't-2'])
  third.executor.send({ type: 'run_tool', payload: shell('t-2', 'echo in order') })
  writeFileSync(join(place.project, 'one'), '')
  t.match(await resultOf(third.executor), { tool_id: 't-1', status: 'success' })
  t.match(await resultOf(third.executor), { tool_id: 't-2', status: 'success' })
  t.equal((await first.ended).code, 0)
  t.equal(readFileSync(join(place.project, 'one.count'), 'utf8'), 'ran\n')
  t.match(await statusOf(t, place), { calls_open: 0, calls_held: 0 })
})

test('a result that is written while no codegend is there is told by the next one', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  await beginRun(t, place, first.executor)
  await start(first.executor, shell('t-1', untilThere('go')))
  const second = await started(t, place, maestro, ['--take-over'])
  second.child.kill('SIGKILL')
  await second.ended
  writeFileSync(join(place.project, 'go'), '')
  t.equal((await first.ended).code, 0)
  const third = await started(t, place, maestro)
  t.strictSame(third.executor.handshake.open, ['t-1'])
  t.match(await resultOf(third.executor), { tool_id: 't-1', status: 'success', result: /over/ })
})

test('when the holder of a call is killed its command is ended, and told once as interrupted with its output so far', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  await beginRun(t, place, first.executor)
  const call = shell('t-1', untilThere('never'))
  const pid = await start(first.executor, call)
  await until(() => globSync(join(place.home, 'output', '*', '*')).length > 0)
  const second = await started(t, place, maestro, ['--take-over'])
  first.child.kill('SIGKILL')
  const told = await resultOf(second.executor)
  t.match(told, { tool_id: 't-1', status: 'interrupted' })
  t.equal(told.result, `codegend ended before this call did; what it did is unknown. Its output until then:\n${pid}\n`)
  t.notOk(isAlive(pid))
  second.executor.send({ type: 'run_tool', payload: call })
  t.match(await resultOf(second.executor), told, 'and never runs again')
  second.executor.send({ type: 'run_tool', payload: shell('t-2', 'echo next') })
  t.match(await resultOf(second.executor), { tool_id: 't-2', status: 'success' })
})

test('a call that another codegend holds is cancelled there: by name, with its run, and when all of codegend leaves', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  await beginRun(t, place, first.executor)
  const pids = [await start(first.executor, shell('t-1', untilThere('never')))]
  const second = await started(t, place, maestro, ['--take-over'])
  const ids = { tool_id: 't-1', generation_id: 'g-1' }
  second.executor.send({ type: 'cancel_tool', payload: { ...ids, reason: 'user', grace_ms: 500 } })
  t.match(await resultOf(second.executor), {
    tool_id: 't-1',
    status: 'cancelled',
    result: /\d+/,
  })
  t.equal((await first.ended).code, 0)

  pids.push(await start(second.executor, shell('t-2', untilThere('never'))))
  const third = await started(t, place, maestro, ['--take-over'])
  third.executor.send({ type: 'run_finished', payload: { generation_id: 'g-1', status: 'cancelled' } })
  t.match(await resultOf(third.executor), { tool_id: 't-2', status: 'cancelled' })
  t.equal((await second.ended).code, 0)

  await beginRun(t, place, third.executor)
  pids.push(await start(third.executor, shell('t-3', untilThere('never'))))
  const fourth = await started(t, place, maestro, ['--take-over'])
  fourth.child.kill('SIGTERM')
  t.match(await resultOf(fourth.executor), { tool_id: 't-3', status: 'interrupted' })
  t.equal((await fourth.ended).code, 0)
  t.equal((await third.ended).code, 0)
  t.notOk(pids.some(isAlive))
})

test('a question is asked anew by the codegend that takes over', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  await beginRun(t, place, first.executor, 'ask')
  first.executor.send({ type: 'run_tool', payload: shell('t-1', 'echo yes') })
  await first.executor.receive('approval_requested')
  const second = await started(t, place, maestro, ['--take-over'])
  t.equal((await first.ended).code, 0)
  second.executor.send({ type: 'run_tool', payload: shell('t-1', 'echo yes') })
  await second.executor.receive('approval_requested')
  const client = await connectClient(t, socketOf(place), { answer: 'allow' })
  await client.request('approval/respond', { tool_id: 't-1', option_id: 'allow' })
  t.match(await resultOf(second.executor), { tool_id: 't-1', status: 'success', result: /yes/ })
})

test('a tool that a person runs is finished for that person by the codegend that began it', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  const client = await connectClient(t, socketOf(place))
  const { home: _home, project: cwd } = place
  const parameters = { command: untilThere('go') }
  const wish = { name: 'Shell', parameters, cwd, mode: 'auto' as const, client_ref: 'c-1' }
  const outcome = client.request('tools/call', wish)
  await until(() => existsSync(join(cwd, 'go.count')))
  const second = await started(t, place, maestro, ['--take-over'])
  t.strictSame(second.executor.handshake.open, [], 'no server is told of it')
  writeFileSync(join(cwd, 'go'), '')
  t.match(await outcome, { status: 'success', result: /over/ })
  t.equal((await first.ended).code, 0)
  await until(async () => (await statusOf(t, place)).calls_held === 0)
  t.match(await statusOf(t, place), { runs_open: 0 })
})

test('the codegend of the login service finishes what runs when it is told to leave', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, { ...place, environment: { ...place.environment, CODEGEN_SERVICE: '1' } }, maestro)
  await beginRun(t, place, first.executor)
  await start(first.executor, shell('t-1', untilThere('go')))
  first.child.kill('SIGTERM')
  await first.executor.receive('goodbye')
  const second = await started(t, place, maestro, ['--take-over'])
  t.strictSame(second.executor.handshake.open, ['t-1'], 'its place is free for another one')
  writeFileSync(join(place.project, 'go'), '')
  t.match(await resultOf(second.executor), { tool_id: 't-1', status: 'success' })
  t.equal((await first.ended).code, 0)
})

test('a codegend that could not run leaves the one that runs alone', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  const [journal = ''] = globSync(join(place.home, 'journal', '*.log'))
  const before = readFileSync(journal, 'utf8')
  writeFileSync(journal, toLine({ version: 2, journalId: 'x', bootId: 'y' }))
  const { ended } = run(t, { ...place.environment, CODEGEN_MAESTRO_URL: maestro.url }, ['--take-over'])
  t.match(await ended, { code: 2, stderr: /was written by a newer codegend/ })
  writeFileSync(journal, before)
  t.match(await statusOf(t, place), { pid: first.child.pid })
})

test('of codegends that take over at once each does so in its turn, and the last one stays', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  const others = [1, 2, 3].map(() =>
    run(t, { ...place.environment, CODEGEN_MAESTRO_URL: maestro.url }, ['--take-over']),
  )
  t.equal((await first.ended).code, 0)
  const left = new Set(others)
  while (left.size > 1) {
    const one = await Promise.race([...left].map((other) => other.ended.then(({ code }) => ({ other, code }))))
    t.equal(one.code, 0)
    left.delete(one.other)
  }
  const [last] = left
  await until(async () => (await statusOf(t, place)).pid === last?.child.pid)
})
