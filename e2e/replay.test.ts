import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { answer, answerBootstrap, dial, install, startRun } from '#support/installation'
import type { Installation } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { createReplay, linesOf } from '#support/replay'
import { requireServices } from '#support/services'
import type { Services } from '#support/services'

const shell = (command: string) => ({ calls: [{ tool: 'Shell', arguments: { command } }] })
const conversations = [
  {
    name: 'two calls',
    when: 'two calls',
    steps: [
      { text: 'I begin. ', ...shell('make one') },
      { ...shell('make two'), expect: [{ contains: 'made one' }] },
      { text: 'Done.', expect: [{ contains: 'made two' }] },
    ],
  },
]

const services = await requireServices(t)
if (services) await testReplay(services)

async function testReplay({ databaseUrl, redisUrl }: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { models: ['scripted', 'other'], conversations } })
  t.teardown(() => model.stop())
  const env = { CODEGEN_MODEL: 'scripted' }
  const a = await startMaestro(t, { modelUrl: model.url, databaseUrl, redisUrl, token: randomUUID(), env })
  const replay = await createReplay(t, databaseUrl)

  t.test('every request of a run is made again from its log, byte for byte', async (t) => {
    const { id } = await playTwoCalls(t, a)
    const ended = await replay(id, '--verify', '--json')
    t.equal(ended.code, 0, ended.stderr)
    t.match(linesOf(ended), [
      { type: 'request', turn: 1, outcome: 'same' },
      { type: 'request', turn: 2, outcome: 'same' },
      { type: 'request', turn: 3, outcome: 'same' },
      { type: 'sum', generation_id: id, requests: 3, differ: 0 },
    ])
  })
}

async function playTwoCalls(t: Test, maestro: MaestroProcess): Promise<{ id: string; installation: Installation }> {
  const installation = install()
  const executor = await dial(t, maestro, installation)
  const id = await startRun(executor, 'two calls')
  await answerBootstrap(executor)
  for (const made of ['made one', 'made two']) answer(executor, await executor.receive('run_tool'), made)
  t.match(await executor.receive('run_finished'), { status: 'completed' })
  return { id, installation }
}
