import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import type { TestExecutor } from '#link/test-maestro'
import { connectClient, newPlace } from './test-daemon.ts'
import type { Place } from './test-daemon.ts'
import { isAlive, socketOf, started } from './test-process.ts'

/** Starts run g-1 as a client does. */
async function beginRun(t: Test, place: Place, executor: TestExecutor): Promise<void> {
  const client = await connectClient(t, socketOf(place))
  const begun = client.request('run/start', { prompt: 'p', cwd: place.project, mode: 'auto', client_ref: 'c-1' })
  await executor.receive('start_run')
  executor.send({ type: 'run_started', payload: { client_ref: 'c-1', generation_id: 'g-1', session_id: 's-1' } })
  await begun
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
  t.match((await second.executor.receive('tool_result')).payload, { tool_id: 't-3' }, 'what only looks need not wait')
  t.match(await (await connectClient(t, socketOf(place))).request('daemon/status', {}), {
    calls_open: 2,
    calls_held: 1,
  })
  writeFileSync(join(place.project, 'go'), '')
  t.match((await second.executor.receive('tool_result')).payload, { tool_id: 't-1', status: 'success', result: /over/ })
  const after = (await second.executor.receive('tool_result')).payload
  t.match(after, { tool_id: 't-2', status: 'success', result: /\nran\nafter\n/ }, 'and what writes waits for it')
  t.equal((await first.ended).code, 0, 'the old one leaves')
  t.equal(readFileSync(join(place.project, 'go.count'), 'utf8'), 'ran\n')
})
