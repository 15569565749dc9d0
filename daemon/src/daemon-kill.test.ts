import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { connectClient, newPlace, until } from './test-daemon.ts'
import type { Place } from './test-daemon.ts'
import { isAlive, socketOf, started } from './test-process.ts'

test('R8 no orphans: what was running when codegend was killed is ended, and told as interrupted once it is back (DM-01)', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  const client = await connectClient(t, socketOf(place))
  const wish = { prompt: 'p', cwd: place.project, mode: 'auto' as const, client_ref: 'c-1' }
  const run1 = client.request('run/start', wish)
  await first.executor.receive('start_run')
  const payload = { client_ref: 'c-1', generation_id: 'g-1', session_id: 's-1' }
  first.executor.send({ type: 'run_started', payload })
  await run1
  const parameters = { command: 'echo $$; sleep 0.3; echo so far; sleep 600 & wait' }
  const call = { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g-1', parameters }
  first.executor.send({ type: 'run_tool', payload: call })
  const pid = Number((await first.executor.receive('tool_output_delta')).payload.chunk)
  await first.executor.receive('tool_output_delta')
  await until(() => outputIn(place).includes('so far'))
  first.child.kill('SIGKILL')
  await first.ended
  t.ok(isAlive(pid), 'the command outlives the kill')

  const second = await started(t, place, maestro)
  t.strictSame(second.executor.handshake.open, ['t-1'])
  t.match((await second.executor.receive('tool_result')).payload, {
    tool_id: 't-1',
    status: 'interrupted',
    result: `codegend ended before this call did; what it did is unknown. Its output until then:\n${pid}\nso far\n`,
  })
  t.equal(outputIn(place), '', 'and its file is gone')
  t.notOk(isAlive(pid))
  second.executor.send({ type: 'run_tool', payload: call })
  t.match((await second.executor.receive('tool_result')).payload, { status: 'interrupted' }, 'and never runs again')
  second.executor.send({
    type: 'run_tool',
    payload: { ...call, tool_id: 't-2', parameters: { command: 'echo again' } },
  })
  t.match((await second.executor.receive('tool_result')).payload, { tool_id: 't-2', status: 'success' })
})

test('R1 a tool call runs at most once and its outcome is told truthfully, whenever codegend is killed', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const count = 40
  const calls = Array.from({ length: count }, (_, index) => {
    const command = `echo ran >> ${join(place.project, `counter-${index}`)}; sleep 0.01`
    return { tool_name: 'Shell', tool_id: `t-${index}`, generation_id: 'g-1', parameters: { command } }
  })
  const outcomes = new Map<string, Set<string>>()
  let running = await started(t, place, maestro)
  const client = await connectClient(t, socketOf(place))
  const begun = client.request('run/start', { prompt: 'p', cwd: place.project, mode: 'auto', client_ref: 'c-1' })
  await running.executor.receive('start_run')
  running.executor.send({
    type: 'run_started',
    payload: { client_ref: 'c-1', generation_id: 'g-1', session_id: 's-1' },
  })
  await begun

  for (let kills = 0; outcomes.size < count; kills += 1) {
    const { executor, child, ended } = running
    for (const payload of calls) if (!outcomes.has(payload.tool_id)) executor.send({ type: 'run_tool', payload })
    const wanted = kills < 3 ? Math.min(outcomes.size + 1 + Math.floor(Math.random() * 8), count) : count
    while (outcomes.size < wanted) {
      const { payload } = await executor.receive('tool_result')
      outcomes.set(payload.tool_id, (outcomes.get(payload.tool_id) ?? new Set()).add(payload.status))
      // Now and then the acknowledgement is lost with the process.
      if (Math.random() < 0.7) executor.send({ type: 'stored', payload: { ref: `tool_result:${payload.tool_id}` } })
    }
    if (wanted === count) break
    child.kill('SIGKILL')
    await ended
    running = await started(t, place, maestro)
    t.equal(running.executor.handshake.executor?.journal_id, executor.handshake.executor?.journal_id)
  }

  const ran = calls.map((_, index) => readIfThere(join(place.project, `counter-${index}`)))
  t.ok(
    ran.every((text) => text === '' || text === 'ran\n'),
    'no counter reaches 2',
  )
  t.ok(
    [...outcomes.values()].every((statuses) => statuses.size === 1),
    'one outcome each',
  )
  for (const [index, { tool_id }] of calls.entries()) {
    const [status] = outcomes.get(tool_id) ?? []
    t.ok(status === 'interrupted' || (status === 'success' && ran[index] === 'ran\n'), `${tool_id} ${status}`)
  }
})

/** What commands have printed that is kept on disk. */
function outputIn({ home }: Place): string {
  return globSync(join(home, 'output', '*', '*'))
    .map((path) => readIfThere(path))
    .join('')
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
