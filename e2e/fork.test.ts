import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { readRun } from '#support/events'
import { answer, answerBootstrap, dial, install, startRun } from '#support/installation'
import type { Installation } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { createReplay, linesOf, replayToNobody, replayWith } from '#support/replay'
import { requireServices } from '#support/services'
import type { Services } from '#support/services'
import { createSystem } from '#support/system'

const shell = (command: string) => ({ calls: [{ tool: 'Shell', arguments: { command } }] })
const conversations = [
  {
    name: 'two calls',
    when: 'two calls',
    steps: [shell('make one'), { ...shell('make two'), expect: [{ contains: 'made one' }] }, { text: 'Done.' }],
  },
  { name: 'said', when: 'rather so', steps: [{ text: 'That too.' }] },
]

const services = await requireServices(t)
if (services) await testFork(services)

async function testFork({ databaseUrl, redisUrl }: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { models: ['scripted', 'other'], conversations } })
  t.teardown(() => model.stop())
  const env = { CODEGEN_MODEL: 'scripted' }
  const uses = { modelUrl: model.url, databaseUrl, redisUrl, token: randomUUID(), env }
  const [a, b] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])
  const replay = await createReplay(t, databaseUrl)
  const fork = async (...parameters: string[]): Promise<Record<string, unknown>> => {
    const ended = await replay(...parameters, '--json')
    if (ended.code !== 0) throw new Error(ended.stderr)
    return linesOf(ended)[0] ?? {}
  }

  t.test('a fork is taken up by the replica that holds its executor, and ends with another model', async (t) => {
    const { id, executor } = await playTwoCalls(t, a)
    const asked = model.requests.length
    const { generation_id, ...rest } = await fork(id, '--from', '14', '--model', 'other')
    const forkId = String(generation_id)
    t.match(rest, { type: 'fork', model: 'other', forked_from: { generation_id: id, position: 14 }, cwd: '/work' })
    const call = await executor.receive('run_tool')
    t.match(call, { generation_id: forkId, parameters: { command: 'make two' }, cwd: '/work', mode: 'auto' })
    answer(executor, call, 'made otherwise')
    t.match(await executor.receive('run_finished'), { generation_id: forkId, status: 'completed', summary: 'Done.' })
    t.ok(model.requests.slice(asked).every(({ body }) => (body as { model: string }).model === 'other'))
    t.equal(model.requests.length, asked + 2, 'what was answered before is not asked again')

    const [origin, forked] = [await readRun(b, id), await readRun(b, forkId)]
    t.match(forked.run, { status: 'completed', model: 'other', prompt: 'two calls', turns: 3 })
    t.not(forked.run['session_id'], origin.run['session_id'])
    t.strictSame(
      forked.facts.map(({ type }) => type),
      [
        ...origin.facts.slice(0, 14).map(({ type }) => type),
        'claimed',
        ...origin.facts.slice(14).map(({ type }) => type),
      ],
    )
    const verified = await replay(forkId, '--verify')
    t.equal(verified.code, 0, verified.stderr)
    t.match(verified.stdout, /22 entries, 2 requests, each the same/)
    t.match(await replay(id, '--verify'), { code: 0, stdout: /21 entries, 3 requests/ }, 'the first run is as it was')
  })

  t.test('a fork for an executor that is away waits for it, is spoken to, forked again and gone on with', async (t) => {
    const { id, executor, installation } = await playTwoCalls(t, a)
    executor.socket.terminate()
    await once(executor.socket, 'close')
    const first = await fork(id, '--from', '10')
    const firstId = String(first['generation_id'])
    t.match(await a.json(`/v1/runs/${firstId}`), { status: 'queued', model: 'scripted', last_event_id: '10-0' })
    const again = await dial(t, b, installation)
    for (const made of ['made one', 'made two']) answer(again, await again.receive('run_tool'), made)
    t.match(await again.receive('run_finished'), { generation_id: firstId, status: 'completed' })
    t.match(await replay(firstId, '--verify'), { code: 0, stdout: /22 entries, 3 requests, each the same/ })

    again.socket.terminate()
    await once(again.socket, 'close')
    const second = String((await fork(firstId, '--from', '15'))['generation_id'])
    t.equal((await a.post(`/v1/runs/${second}/input`, { content: 'rather so', mode: 'steer' })).status, 202)
    const third = await dial(t, a, installation)
    t.match(await third.receive('run_finished'), { generation_id: second, status: 'completed', summary: 'That too.' })
    t.match(await replay(second, '--verify'), { code: 0, stdout: /, 2 requests, each the same/ })

    const spoken = String((await fork(second, '--from', '17'))['generation_id'])
    t.match(await third.receive('run_finished'), { generation_id: spoken, status: 'completed' }, 'words are copied too')
    const session_id = String((await readRun(a, second)).run['session_id'])
    third.send('start_run', { client_ref: randomUUID(), prompt: 'rather so', cwd: '/work', mode: 'auto', session_id })
    await answerBootstrap(third)
    t.match(await third.receive('run_finished'), { status: 'completed' }, 'its conversation goes on')
    t.match(JSON.stringify(model.requests.at(-1)?.body), /two calls.*made one.*rather so.*rather so/)
  })

  t.test('a fork that nobody has taken up is cancelled at its end', async (t) => {
    const { id, executor } = await playTwoCalls(t, a)
    executor.socket.terminate()
    await once(executor.socket, 'close')
    const forkId = String((await fork(id, '--from', '14'))['generation_id'])
    t.equal((await b.post(`/v1/runs/${forkId}/cancel`, { reason: 'not needed' })).status, 202)
    const { run, facts } = await readRun(a, forkId)
    t.match(run, { status: 'cancelled', error: 'not needed', last_event_id: '16-0' })
    t.strictSame(
      facts.slice(13).map(({ id: at, type }) => `${at} ${type}`),
      ['14-0 tool_call_finished', '15-0 cancel_requested', '16-0 run_finished'],
    )
  })

  t.test(
    'a run is not forked while a call is open; the refusal names what would do, and nothing is written',
    async (t) => {
      const { id } = await playTwoCalls(t, a)
      const before = (await a.json('/v1/runs'))['runs']
      for (const [from, says] of [
        ['13', /After entry 13 .* a call is open; entries 10 and 14 would do\.\n$/],
        ['21', /it has ended; entry 18 would do/],
        ['99', /The run has 21 entries; entry 18 would do/],
      ] as const)
        t.match(await replay(id, '--from', from), { code: 1, stdout: '', stderr: says })
      t.strictSame((await a.json('/v1/runs'))['runs'], before)
    },
  )
}

t.test(
  'beside a codegend and its own Maestro, and when both are gone, a run is verified; its fork works in the folder',
  async (t) => {
    const make = 'echo made >>it.txt'
    const system = await createSystem(t, { scenario: { steps: [shell(make), shell(make), { text: 'Made.' }] } })
    const remoteRoots = [{ path: system.project, mode: 'auto' }]
    await writeFile(join(system.home, 'config.json'), JSON.stringify({ remoteRoots }), { mode: 0o600 })
    const ended = await system.codegen(['--auto', '--json', 'make it'])
    t.equal(ended.code, 0, ended.stderr)
    const events = linesOf(ended) as { type: string; payload: Record<string, unknown> }[]
    const id = String(events[0]?.payload['generation_id'])
    const replay = replayWith(system.env)
    t.match(await replay(id, '--verify'), { code: 0, stdout: /3 requests, each the same/, stderr: '' })

    const forked = await replay(id, '--from', '14')
    t.match(forked, { code: 0, stderr: '' })
    t.match(forked.stdout, new RegExp(`codegen attach .*remoteRoots`, 's'))
    const forkId = /^run (\S+): begins with entries 1 to 14 of /.exec(forked.stdout)?.[1] ?? ''
    const attached = await system.codegen(['attach', forkId])
    t.match(attached, { code: 0, stdout: /Made\./ }, attached.stderr)
    t.equal(await readFile(join(system.project, 'it.txt'), 'utf8'), 'made\nmade\nmade\n', 'the second call, once more')
    t.match(await replay(forkId, '--verify'), { code: 0, stdout: /3 requests, each the same/ })

    const postmaster = join(system.home, 'maestro', 'postgres', 'data', 'postmaster.pid')
    t.equal(existsSync(postmaster), existsSync(dirname(postmaster)), 'it serves, where its data is in the home')
    const stopped = await system.codegen(['daemon', 'stop'])
    t.equal(stopped.code, 0, stopped.stderr)
    t.notOk(existsSync(postmaster), 'Postgres is gone')
    t.match(await replay(forkId, '--verify'), { code: 0, stdout: /3 requests, each the same/, stderr: '' })
    t.strictSame(await replayToNobody(system.env, id, '--verify'), { code: 0, stderr: '' }, 'its reader may leave')
    t.notOk(existsSync(postmaster), 'and again, when it has been started to look')
  },
)

async function playTwoCalls(t: Test, maestro: MaestroProcess) {
  const installation: Installation = install()
  const executor = await dial(t, maestro, installation)
  const id = await startRun(executor, 'two calls')
  await answerBootstrap(executor)
  for (const made of ['made one', 'made two']) answer(executor, await executor.receive('run_tool'), made)
  t.match(await executor.receive('run_finished'), { status: 'completed' })
  return { id, executor, installation }
}
