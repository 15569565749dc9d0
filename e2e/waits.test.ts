import { randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { readRun } from '#support/events'
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
  const untilParked = async (id: string, status: string): Promise<void> => {
    for (;;) {
      const row = await rowOf(id)
      if (row['parked_at'] !== null && row['status'] === status) return
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }

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

async function figuresOf(maestro: MaestroProcess): Promise<ReturnType<typeof parseExposition>> {
  return parseExposition(await (await maestro.fetch('/metrics')).text())
}

/** How many runs a replica has open, by state. */
async function openRuns(maestro: MaestroProcess): Promise<(state: string) => number> {
  const figures = await figuresOf(maestro)
  return (state) => valueOf(figures, 'maestro_runs_open', { state })
}

async function untilFigure(maestro: MaestroProcess, isSo: (of: (state: string) => number) => boolean): Promise<void> {
  while (!isSo(await openRuns(maestro))) await new Promise((resolve) => setTimeout(resolve, 20))
}
