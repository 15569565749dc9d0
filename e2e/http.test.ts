import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { readRun } from '#support/events'
import { answer, answerBootstrap, dial, install, startRun } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { findDatabase, requireServices } from '#support/services'
import type { Services } from '#support/services'
import { createSystem } from '#support/system'

type Run = { generation_id: string; status: string; prompt: string }

const conversations = [
  { name: 'say', when: 'say it', steps: [{ text: 'Said.' }] },
  {
    name: 'make',
    when: 'make it',
    steps: [{ calls: [{ tool: 'Shell', arguments: { command: 'echo made >it.txt' } }] }, { text: 'Made.' }],
  },
]

const services = await requireServices(t)
if (services) await testTwoReplicas(services)

async function testTwoReplicas({ databaseUrl, redisUrl }: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { conversations } })
  t.teardown(() => model.stop())
  const uses = { modelUrl: model.url, databaseUrl, redisUrl, token: randomUUID() }
  const [a, b] = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])

  t.test('a run is asked for at one replica and begun by the one that holds its executor', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const start = {
      executor_id: installation.id,
      prompt: 'say it',
      cwd: '/srv/work',
      client_ref: 'only-once',
      mode: 'read-only',
    }
    const accepted = await b.post('/v1/runs', start)
    t.equal(accepted.status, 202)
    const { generation_id: id, ...rest } = (await accepted.json()) as Run
    t.match(rest, { session_id: String, client_ref: 'only-once' })
    t.match(await (await a.post('/v1/runs', start)).json(), { generation_id: id, duplicate: true })

    const call = await executor.receive('run_tool')
    t.match(call, { generation_id: id, cwd: '/srv/work', mode: 'read-only', bootstrap: true })
    answer(executor, call, 'x')
    for (const _ of [2, 3, 4]) answer(executor, await executor.receive('run_tool'), 'x')
    t.match(await executor.receive('run_finished'), { generation_id: id, status: 'completed', summary: 'Said.' })
    t.notOk(
      executor.frames.some(({ type }) => type === 'run_started'),
      'it did not ask for it',
    )
    const { run, facts } = await readRun(b, id)
    t.match(run, {
      status: 'completed',
      cwd: '/srv/work',
      mode: 'read-only',
      prompt: 'say it',
      executor_id: installation.id,
    })
    t.equal(facts[0]?.type, 'run_started')
    const again = (await b.json('/v1/runs', { headers: {} }))['runs'] as Run[]
    t.equal(again[0]?.generation_id, id, 'the newest is the first')
  })

  t.test('a run for an executor that is away waits for it, can be spoken to, and is one run', async (t) => {
    const installation = install()
    const before = await dial(t, a, installation)
    before.socket.terminate()
    await once(before.socket, 'close')
    const start = { executor_id: installation.id, prompt: 'make it', cwd: '/srv/work' }
    const { generation_id: id } = (await (await b.post('/v1/runs', start)).json()) as Run
    t.match(await b.json(`/v1/runs/${id}`), { status: 'queued', turns: 0, last_event_id: '0-0' })
    t.equal((await a.post(`/v1/runs/${id}/input`, { content: 'say it', mode: 'queue' })).status, 202)
    t.match(await a.json(`/v1/executors/${installation.id}`), { runs_queued: 1, runs_open: 0 })

    const executor = await dial(t, b, installation)
    await answerBootstrap(executor)
    answer(executor, await executor.receive('run_tool'), 'made')
    t.match(await executor.receive('run_finished'), { generation_id: id, summary: 'Said.' })
    t.equal(executor.frames.filter(({ type }) => type === 'run_tool').length, 5)
  })

  t.test('a run that nobody has begun is cancelled at once', async (t) => {
    const installation = install()
    const before = await dial(t, a, installation)
    before.socket.terminate()
    await once(before.socket, 'close')
    const start = { executor_id: installation.id, prompt: 'say it', cwd: '/srv/work' }
    const { generation_id: id } = (await (await b.post('/v1/runs', start)).json()) as Run
    const reading = readRun(a, id)
    t.equal((await b.post(`/v1/runs/${id}/cancel`, { reason: 'not needed' })).status, 202)
    const { run, facts } = await reading
    t.match(run, { status: 'cancelled', error: 'not needed', finished_at: String, last_event_id: '3-0' })
    t.strictSame(
      facts.map(({ type }) => type),
      ['run_started', 'cancel_requested', 'run_finished'],
    )
    t.equal((await b.post(`/v1/runs/${id}/cancel`, {})).status, 409)
    const executor = await dial(t, a, installation)
    executor.socket.ping()
    await once(executor.socket, 'pong')
    t.notOk(
      executor.frames.some(({ type }) => type === 'run_tool'),
      'it never hears of it',
    )
  })

  t.test('a start that cannot be is refused in one sentence', async (t) => {
    const installation = install()
    await dial(t, a, installation)
    const start = { executor_id: installation.id, prompt: 'say it', cwd: '/srv/work' }
    const cases: [name: string, body: object, status: number, code: string][] = [
      ['no executor of this name', { ...start, executor_id: 'nobody' }, 404, 'executor.unknown'],
      ['a session there is not', { ...start, session_id: 'none' }, 404, 'run.unknown'],
      ['no prompt', { ...start, prompt: '' }, 400, 'request.invalid'],
      ['a field that is none', { ...start, promt: 'x' }, 400, 'request.invalid'],
      ['a mode that is none', { ...start, mode: 'yolo' }, 400, 'request.invalid'],
      ['a folder with NUL', { ...start, cwd: 'a\0b' }, 400, 'request.invalid'],
    ]
    for (const [name, body, status, code] of cases) {
      const answered = await a.post('/v1/runs', body)
      t.equal(answered.status, status, name)
      t.match(await answered.json(), { error: { code, message: String } }, name)
    }
  })

  t.test('executors are shown with who holds them, what they offer and what they do', async (t) => {
    const [here, away] = [install(), install()]
    const executor = await dial(t, a, here)
    const gone = await dial(t, a, away)
    gone.socket.terminate()
    await once(gone.socket, 'close')
    await startRun(executor, 'say it')
    const shown = await pageThrough(b, '/v1/executors?limit=2', 'executors')
    t.equal(new Set(shown.map(({ executor_id }) => executor_id)).size, shown.length, 'each once')
    const one = await b.json(`/v1/executors/${here.id}`)
    t.match(one, {
      connected: true,
      replica: String,
      name: 'test',
      level: 1,
      runs_open: 1,
      runs_queued: 0,
      tools: ['Shell', 'ReadFile', 'ReadFolder', 'GetWorkingDirectory'],
    })
    t.strictSame(
      shown.find(({ executor_id }) => executor_id === here.id),
      one,
    )
    t.match(await b.json(`/v1/executors/${away.id}`), { connected: false, replica: null })
    t.equal((await b.fetch('/v1/executors/nobody')).status, 404)
  })

  t.test('runs are paged through, the newest first and each once, and found by what is known of them', async (t) => {
    const installation = install()
    const executor = await dial(t, a, installation)
    const ids: string[] = []
    for (let index = 0; index < 7; index += 1) ids.unshift(await startRun(executor, `Page ${index} 100%_done`))
    const path = `/v1/runs?executor_id=${installation.id}`
    const shown = await pageThrough(b, `${path}&limit=3`, 'runs')
    t.strictSame(
      shown.map(({ generation_id }) => generation_id),
      ids,
    )
    const find = async (query: string): Promise<unknown[]> =>
      ((await b.json(`${path}&${query}`))['runs'] as Run[]).map(({ generation_id }) => ids.indexOf(generation_id))
    t.strictSame(await find('text=page%203'), [3])
    t.strictSame((await find('text=100%25_done')).length, 7, 'what stands for itself in SQL does not here')
    t.strictSame(await find('text=100__done'), [])
    t.strictSame((await find('status=running,waiting_tool')).length, 7)
    t.strictSame(await find('status=failed'), [])
    const at = String((await b.json(`/v1/runs/${ids[2] ?? ''}`))['created_at'])
    t.ok((await find(`until=${at}`)).every((place) => Number(place) >= 2))
    t.ok((await find(`since=${at}`)).every((place) => Number(place) <= 2))
    for (const query of ['limit=x', 'cursor=x', 'since=yesterday', 'status=A', 'token=secret', 'text='])
      t.equal((await b.fetch(`${path}&${query}`)).status, 400, query)
  })
}

t.test(
  'without Redis too: codegend works for others only where its owner said so, as freely as its owner said',
  async (t) => {
    const token = randomUUID()
    const env = { CODEGEN_TOKEN: token, CODEGEN_MAESTRO_URL: '' }
    const system = await createSystem(t, { scenario: { conversations }, env })
    const maestro = await startMaestro(t, { modelUrl: system.model.url, token, databaseUrl: await findDatabase(t) })
    env.CODEGEN_MAESTRO_URL = maestro.url
    await mkdir(join(system.project, 'strict'))
    const remoteRoots = [
      { path: system.project, mode: 'auto' },
      { path: join(system.project, 'strict'), mode: 'read-only' },
    ]
    await writeFile(join(system.home, 'config.json'), JSON.stringify({ remoteRoots }))
    const asked = await system.codegen(['say it'], { env })
    t.equal(asked.code, 0, asked.stderr)
    const [executor_id] = ((await maestro.json('/v1/executors'))['executors'] as { executor_id: string }[]).map(
      ({ executor_id: id }) => id,
    )
    const startAt = async (cwd: string, mode: string) => {
      const started = await maestro.post('/v1/runs', { executor_id, prompt: 'make it', cwd, mode })
      return readRun(maestro, ((await started.json()) as Run).generation_id)
    }
    t.match((await startAt(system.project, 'auto')).run, { status: 'completed', mode: 'auto' })
    t.equal(await readFile(join(system.project, 'it.txt'), 'utf8'), 'made\n')
    const strict = await startAt(join(system.project, 'strict'), 'auto')
    t.ok(
      strict.facts.some(({ payload }) => payload['status'] === 'denied'),
      'the owner of the machine is the stricter one',
    )
    await t.rejects(readFile(join(system.project, 'strict', 'it.txt')), { code: 'ENOENT' })
    const elsewhere = await startAt(join(system.project, '..'), 'auto')
    t.match(elsewhere.run, { status: 'refused', error: /remoteRoots/, turns: 0 })
    t.match(elsewhere.facts.at(-1)?.payload, { error: { code: 'run.refused' } })
  },
)

/** Every item of a list, page by page. */
async function pageThrough(maestro: MaestroProcess, path: string, name: string): Promise<Record<string, unknown>[]> {
  const items: Record<string, unknown>[] = []
  for (let cursor = ''; ;) {
    const page = await maestro.json(`${path}${cursor}`)
    items.push(...(page[name] as Record<string, unknown>[]))
    if (page['next_cursor'] === null) return items
    cursor = `&cursor=${encodeURIComponent(page['next_cursor'] as string)}`
  }
}
