import { randomUUID } from 'node:crypto'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import type { SeenRequest } from '@codegen/scripted-model'
import { readRun } from '#support/events'
import { connectExecutor } from '#support/executor'
import type { TestExecutor } from '#support/executor'
import { answer, answerBootstrap, dial, install, startRun } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { createReplay, linesOf } from '#support/replay'
import { requireServices } from '#support/services'
import type { Services } from '#support/services'

const shell = (command: string) => ({ calls: [{ tool: 'Shell', arguments: { command } }] })
const ask = (key: string) => ({ calls: [{ tool: 'jira_read', arguments: { key } }] })
const story = 'All of this is told in many small pieces, as a model makes them. '
const conversations = [
  {
    name: 'two calls',
    when: 'two calls',
    steps: [
      shell('make one'),
      { ...shell('make two'), expect: [{ contains: 'made one' }] },
      { text: 'Done.', expect: [{ contains: 'made two' }] },
    ],
  },
  {
    name: 'vanished',
    when: 'vanished',
    steps: [
      { text: story, delta_chars: 1, delay_ms: 30, ...ask('A-1') },
      { text: 'It is gone.', expect: [{ contains: 'is gone' }] },
    ],
  },
  {
    name: 'bomb',
    when: 'bomb',
    steps: [
      shell('make ready'),
      { ...ask(`${'a'.repeat(60)}b`), expect: [{ contains: 'ready' }] },
      { text: 'I do without.', expect: [{ contains: 'Do without it.' }] },
    ],
  },
  { name: 'sent', when: 'sent', steps: [ask('A-1'), { text: 'I see.', expect: [{ contains: 'a ticket' }] }] },
]

const builtIn = ['GetWorkingDirectory', 'ReadFile', 'ReadFolder', 'Shell']
const jira = (more: object = {}) => ({
  name: 'jira_read',
  description: 'Reads a ticket.',
  parameters: { type: 'object', properties: { key: { type: 'string' } }, ...more },
})
const wiki = { name: 'a_wiki', description: 'Reads a page.', parameters: { type: 'object' } }

const services = await requireServices(t)
if (services) await testToolsChanged(services)

async function testToolsChanged({ databaseUrl, redisUrl }: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { conversations } })
  t.teardown(() => model.stop())
  const uses = { modelUrl: model.url, databaseUrl, redisUrl, token: randomUUID() }
  const startReplica = (t: Test): Promise<MaestroProcess> => startMaestro(t, uses)
  const [a, b] = await Promise.all([startReplica(t), startReplica(t)])
  const replay = await createReplay(t, databaseUrl)
  /** The tools of each request that reached the model meanwhile. */
  const toolsSince = (count: number): string[][] => model.requests.slice(count).map(toolsOf)
  const verify = async (t: Test, id: string): Promise<void> => {
    const ended = await replay(id, '--verify')
    t.match(ended.stdout, /each the same to the byte/, ended.stderr)
    t.equal(ended.code, 0)
  }

  t.test('tools that change in mid-run are what the next request to the model has', async (t) => {
    const asked = model.requests.length
    const installation = install()
    const executor = await dial(t, a, installation)
    t.match(executor.welcome['features'], ['tools_changed'])
    const id = await startRun(executor, 'two calls')
    await answerBootstrap(executor)
    const one = await executor.receive('run_tool')
    await change(executor, 1, [jira(), wiki])
    t.match(await a.json(`/v1/executors/${installation.id}`), { tools: [...builtIn, 'a_wiki', 'jira_read'] })
    answer(executor, one, 'made one')
    const two = await executor.receive('run_tool')
    await change(executor, 2, [jira({ required: ['key'] })])
    answer(executor, two, 'made two')
    t.match(await executor.receive('run_finished'), { status: 'completed' })

    const [first, second, third] = toolsSince(asked)
    t.notOk(first?.includes('jira_read'))
    t.strictSame(second, [...(first ?? []), 'a_wiki', 'jira_read'], 'by name, behind the built-ins')
    t.strictSame(third, [...(first ?? []), 'jira_read'])
    t.match(JSON.stringify(model.requests.at(-1)?.body), /"required":\["key"\]/)
    const { facts } = await readRun(a, id)
    t.strictSame(
      facts.filter(({ type }) => type === 'toolbelt').map(({ payload }) => payload['tools']),
      [first, second, third],
      'and each change is an entry of the log',
    )
    await verify(t, id)

    const answered = facts.findLast(({ type }) => type === 'agent_message')
    const before = Number(answered?.id.replace('-0', '')) - 1
    const [fork] = linesOf(await replay(id, '--from', String(before), '--json'))
    await verify(t, String(fork?.['generation_id']))
  })

  t.test('a snapshot that says nothing new, or an older one, changes nothing', async (t) => {
    const asked = model.requests.length
    const executor = await dial(t, a, install(), { custom_tools: [jira()] })
    const id = await startRun(executor, 'two calls')
    await answerBootstrap(executor)
    const one = await executor.receive('run_tool')
    await change(executor, 7, [jira()])
    await change(executor, 6, [wiki])
    answer(executor, one, 'made one')
    answer(executor, await executor.receive('run_tool'), 'made two')
    await executor.receive('run_finished')
    t.ok(toolsSince(asked).every((tools) => tools.includes('jira_read') && !tools.includes('a_wiki')))
    t.equal((await readRun(a, id)).facts.filter(({ type }) => type === 'toolbelt').length, 1)

    const big = { ...wiki, parameters: { type: 'object', description: 'x'.repeat(1024 * 1024) } }
    executor.send('tools_changed', { revision: 8, known_tools: builtIn, custom_tools: [big] })
    const refused = await executor.receive('error')
    t.match(refused, { code: 'message.too_big', ref: 'tools_changed:8', fatal: false })
    const many = Array.from({ length: 201 }, (_, index) => ({ ...wiki, name: `tool_${index}` }))
    executor.send('tools_changed', { revision: 9, known_tools: builtIn, custom_tools: many })
    t.match(await executor.receive('error'), { code: 'message.invalid', message: /"custom_tools"/, fatal: false })
    await change(executor, 10, [wiki])
  })

  t.test('a tool that vanished while the model asked for it is answered as gone, and the run goes on', async (t) => {
    const executor = await dial(t, a, install(), { custom_tools: [jira()] })
    const id = await startRun(executor, 'vanished')
    await answerBootstrap(executor)
    await executor.receive('run_event', ({ event }) => JSON.stringify(event).includes('agent_message_delta'))
    await change(executor, 1, [])
    t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'It is gone.' })
    t.notOk(executor.frames.some(({ type, payload }) => type === 'run_tool' && payload['tool_name'] === 'jira_read'))
    const { facts } = await readRun(a, id)
    const gone = facts.find(
      ({ type, payload }) => type === 'tool_call_finished' && payload['tool_name'] === 'jira_read',
    )
    t.match(gone?.payload, { status: 'error', error: { code: 'tool.unknown', message: /"jira_read" is gone/ } })
    await verify(t, id)
  })

  t.test('a call that was sent goes on, whatever becomes of its tool', async (t) => {
    const asked = model.requests.length
    const executor = await dial(t, a, install(), { custom_tools: [jira()] })
    const id = await startRun(executor, 'sent')
    await answerBootstrap(executor)
    const call = await executor.receive('run_tool')
    await change(executor, 1, [])
    answer(executor, call, 'a ticket')
    t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'I see.' })
    t.strictSame(
      toolsSince(asked).map((tools) => tools.includes('jira_read')),
      [true, false],
    )
    await verify(t, id)
  })

  t.test(
    'what a plugin made to harm costs its own call: a pattern that never ends, a schema from elsewhere',
    async (t) => {
      const asked = model.requests.length
      const executor = await dial(t, a, install())
      const id = await startRun(executor, 'bomb')
      await answerBootstrap(executor)
      const call = await executor.receive('run_tool')
      const key = { type: 'string', pattern: '^(a+)+$' }
      const remote = { ...wiki, parameters: { $ref: 'https://example.com/schema.json' } }
      await change(executor, 1, [jira({ properties: { key } }), remote])
      answer(executor, call, 'ready')
      t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'I do without.' })
      t.notOk(toolsSince(asked).some((tools) => tools.includes('a_wiki')))
      t.notOk(executor.frames.some(({ type, payload }) => type === 'run_tool' && payload['tool_name'] === 'jira_read'))
      await verify(t, id)
    },
  )

  t.test('an executor of the first protocol knows no such message: it is ignored', async (t) => {
    const executor = await connectExecutor(t, a)
    const project_spec = { content: '', file_paths: [] }
    const tools = { known_tools: builtIn, custom_tools: [] }
    executor.send('handshake', { client_type: 'test', initial_prompt: 'two calls', ...tools, project_spec })
    executor.send('tools_changed', { revision: 1, ...tools, custom_tools: [jira()] })
    const asked = model.requests.length
    for (const said of ['x', 'x', 'x', 'x', 'made one', 'made two'])
      answer(executor, await executor.receive('run_tool'), said)
    t.match(await executor.closed(), { code: 1000 })
    t.ok(toolsSince(asked).every((tools) => !tools.includes('jira_read')))
    t.equal(toolsSince(asked).length, 3)
  })

  t.test('a run that goes on at another replica has the tools its executor has there', async (t) => {
    const asked = model.requests.length
    const doomed = await startReplica(t)
    const installation = install()
    const executor = await dial(t, doomed, installation, { custom_tools: [jira()] })
    const id = await startRun(executor, 'two calls')
    await answerBootstrap(executor)
    answer(executor, await executor.receive('run_tool'), 'made one')
    await executor.receive('run_tool')
    await doomed.kill()
    const again = await dial(t, b, installation, { custom_tools: [wiki] })
    answer(again, await again.receive('run_tool'), 'made two')
    t.match(await again.receive('run_finished'), { status: 'completed' })
    t.strictSame(
      toolsSince(asked).map((tools) => tools.filter((name) => name.includes('_'))),
      [['jira_read'], ['jira_read'], ['a_wiki']],
    )
    await verify(t, id)
  })
}

/** Resolves when Maestro has it on record. */
async function change(executor: TestExecutor, revision: number, custom: readonly { name: string }[]): Promise<void> {
  const known = [...builtIn, ...custom.map(({ name }) => name).toSorted()]
  executor.send('tools_changed', { revision, known_tools: known, custom_tools: custom })
  await executor.receive('stored', ({ ref }) => ref === `tools_changed:${revision}`)
}

function toolsOf({ body }: SeenRequest): string[] {
  return [...JSON.stringify(body).matchAll(/"function":\{"name":"(?<name>\w+)","description"/g)].flatMap(
    ({ groups }) => groups?.['name'] ?? [],
  )
}
