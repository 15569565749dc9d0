import { once } from 'node:events'
import { request } from 'node:http'
import { text } from 'node:stream/consumers'
import { Ajv2020 } from 'ajv/dist/2020.js'
import pg from 'pg'
import t from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { dial, install, startRun } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { requireServices } from '#support/services'
import type { Services } from '#support/services'

type Operation = { summary: string; responses: Record<string, { content?: Record<string, { schema: object }> }> }
type Document = { openapi: string; paths: Record<string, Record<string, Operation>> }

const services = await requireServices(t)
if (services) await testDocument(services)

async function testDocument(uses: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { steps: [{ text: 'Said.' }] } })
  t.teardown(() => model.stop())
  const maestro = await startMaestro(t, { modelUrl: model.url, ...uses })
  const document = (await maestro.json('/v1/openapi.json')) as unknown as Document
  const ajv = new Ajv2020({
    strict: false,
    formats: { 'date-time': (time: string) => !Number.isNaN(Date.parse(time)) },
  })
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  )
  const reached = new Map(operations.map(({ name }) => [name, new Set<string>()]))
  const isGuarded = (path: string): boolean => !path.endsWith('z')

  /** Asks, and holds the answer against what the document says of it. */
  const ask = async (
    name: string,
    more: { path?: string; body?: unknown; raw?: RequestInit; of?: MaestroProcess } = {},
  ) => {
    const [method = '', path = ''] = name.split(' ')
    const { body: sent, raw = {}, of = maestro } = more
    const json =
      sent === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(sent) }
    const answer = await of.fetch(more.path ?? path.replace('{id}', 'none-such'), { method, ...json, ...raw })
    const status = String(answer.status)
    const said = operations.find((operation) => operation.name === name)?.operation.responses[status]
    if (!said) return t.fail(`${name} answered ${status}, which is not in the document: ${await answer.text()}`)
    reached.get(name)?.add(status)
    await compare(answer, said, `${name} ${status}`)
  }

  const compare = async (answer: Response, said: Operation['responses'][string], where: string): Promise<void> => {
    const [type = '', content] = Object.entries(said.content ?? {})[0] ?? []
    t.ok(answer.headers.get('content-type')?.startsWith(type), `${where}: ${type}`)
    const body = await answer.text()
    if (type !== 'application/json' || !content) return
    const validate = ajv.compile(content.schema)
    t.ok(validate(JSON.parse(body)), `${where}: ${ajv.errorsText(validate.errors)} in ${body.slice(0, 300)}`)
  }

  t.test('the document is an OpenAPI 3.1 document that says of each operation what it is for', async (t) => {
    t.equal(document.openapi, '3.1.0')
    for (const { name, operation } of operations) t.ok(operation.summary, name)
    for (const { operation } of operations)
      for (const { content = {} } of Object.values(operation.responses))
        for (const { schema } of Object.values(content)) t.doesNotThrow(() => ajv.compile(schema))
  })

  t.test('every answer that is documented is given, as it is documented', async (t) => {
    const installation = install()
    const executor = await dial(t, maestro, installation)
    const id = await startRun(executor, 'say it')
    const ended = await startRun(executor, 'say it too')
    await endRun(executor, ended)
    for (const name of ['GET /healthz', 'GET /readyz', 'GET /metrics', 'GET /v1/checks', 'GET /v1/openapi.json'])
      await ask(name)
    await ask('GET /v1/runs')
    await ask('GET /v1/runs', { path: '/v1/runs?limit=many' })
    await ask('GET /v1/runs/{id}', { path: `/v1/runs/${id}` })
    await ask('GET /v1/runs/{id}')
    await ask('GET /v1/runs/{id}', { path: '/v1/runs/no_id' })
    await ask('GET /v1/runs/{id}/events', { path: `/v1/runs/${ended}/events` })
    await ask('GET /v1/runs/{id}/events', { path: `/v1/runs/${ended}/events?after=x` })
    await ask('GET /v1/runs/{id}/events')
    await ask('GET /v1/executors')
    await ask('GET /v1/executors', { path: '/v1/executors?limit=many' })
    await ask('GET /v1/executors/{id}', { path: `/v1/executors/${installation.id}` })
    await ask('GET /v1/executors/{id}')
    await ask('GET /v1/executors/{id}', { path: '/v1/executors/a%20b' })

    const start = { executor_id: installation.id, prompt: 'say it', cwd: '/srv', client_ref: 'once' }
    await ask('POST /v1/runs', { body: start })
    await ask('POST /v1/runs', { body: start })
    await ask('POST /v1/runs', { body: { ...start, executor_id: 'nobody' } })
    await ask('POST /v1/runs/{id}/input', { path: `/v1/runs/${id}/input`, body: { content: 'more' } })
    await ask('POST /v1/runs/{id}/input', { path: `/v1/runs/${ended}/input`, body: { content: 'more' } })
    await ask('POST /v1/runs/{id}/input', { body: { content: 'more' } })
    const question = 'POST /v1/runs/{id}/approvals/{tool_id}'
    const toolId = await putQuestion(executor, id)
    await ask(question, { path: `/v1/runs/${id}/approvals/${toolId}`, body: { option_id: 'deny' } })
    await ask(question, { path: `/v1/runs/${id}/approvals/another`, body: { option_id: 'deny' } })
    await ask(question, { body: { option_id: 'deny' } })
    await ask('POST /v1/runs/{id}/cancel', { path: `/v1/runs/${id}/cancel`, body: { reason: 'enough' } })
    await ask('POST /v1/runs/{id}/cancel', { path: `/v1/runs/${ended}/cancel`, body: {} })
    await ask('POST /v1/runs/{id}/cancel', { body: {} })
    for (const { name } of operations.filter((operation) => operation.name.startsWith('POST'))) {
      await ask(name, { body: { wrong: true } })
      const padding = 'x'.repeat(name === 'POST /v1/runs' ? 8 * 1024 * 1024 : 1024 * 1024)
      await ask(name, {
        raw: { headers: { 'content-type': 'application/json' }, body: chunked(padding), duplex: 'half' },
      })
      await ask(name, { raw: { headers: { 'content-type': 'text/plain' }, body: 'x' } })
    }
    const guarded = operations.filter(({ path }) => isGuarded(path))
    for (const { name } of guarded)
      await ask(name, { raw: { headers: { authorization: 'Bearer wrong-wrong-wrong-wrong' } } })
    await testOtherReplicas(guarded.map(({ name }) => name))

    for (const { name, operation } of operations) {
      t.strictSame(
        [...(reached.get(name) ?? [])].toSorted(byText),
        Object.keys(operation.responses).toSorted(byText),
        name,
      )
    }
  })

  async function testWithoutPostgres(): Promise<void> {
    const own = await requireServices(t)
    if (!own) return
    const replica = await startMaestro(t, { modelUrl: model.url, ...own })
    const client = new pg.Client({ connectionString: uses.databaseUrl })
    await client.connect()
    await shut(client, own.databaseUrl)
    await client.end()
    await ask('GET /readyz', { of: replica })
  }

  /** What only a Maestro that is set otherwise answers. */
  async function testOtherReplicas(guarded: readonly string[]): Promise<void> {
    const narrow = await startMaestro(t, { modelUrl: model.url, ...uses, env: { MAESTRO_REQUESTS_PER_SECOND: '1' } })
    const strange = {
      ...maestro,
      fetch: (path: string, init: RequestInit = {}) => askAsAnother(maestro, path, init.method),
    }
    for (let index = 0; index < 12; index += 1) await narrow.fetch('/v1/runs')
    for (const name of guarded) {
      await narrow.fetch('/v1/runs')
      await ask(name, { of: narrow })
      await ask(name, { of: strange })
    }
    await testWithoutPostgres()
    const unset = await startMaestro(t, {
      modelUrl: model.url,
      ...uses,
      env: { OPENAI_BASE_URL: '', OPENAI_API_KEY: '', CODEGEN_MODEL: '' },
    })
    const installation = install()
    await dial(t, unset, installation)
    await ask('POST /v1/runs', { of: unset, body: { executor_id: installation.id, prompt: 'x', cwd: '/srv' } })
  }
}

/** Asks under a name that is not Maestro's; `fetch` would not let a Host be made up. */
async function askAsAnother({ url, token }: MaestroProcess, path: string, method = 'GET'): Promise<Response> {
  const headers = { host: 'evil.example', authorization: `Bearer ${token}` }
  const asking = request(new URL(path, url.replace('ws', 'http')), { method, headers, agent: false })
  asking.end()
  const [answer] = await once(asking, 'response')
  const type = String(answer.headers['content-type'])
  return new Response(await text(answer), { status: answer.statusCode, headers: { 'content-type': type } })
}

/** Shuts a database to everybody, as an outage would. */
async function shut(client: pg.Client, databaseUrl: string): Promise<void> {
  const name = new URL(databaseUrl).pathname.slice(1)
  await client.query(`ALTER DATABASE ${name} WITH ALLOW_CONNECTIONS false`)
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [name])
}

async function endRun(executor: Awaited<ReturnType<typeof dial>>, id: string): Promise<void> {
  for (let answered = 0; answered < 4;) {
    const { tool_id, generation_id } = await executor.receive('run_tool')
    if (generation_id !== id) continue
    executor.send('tool_result', { tool_id, generation_id, status: 'success', result: 'x' })
    answered += 1
  }
  await executor.receive('run_finished')
}

/** Asks the owner about a call of a run; returns its name once the question is on record. */
async function putQuestion(executor: Awaited<ReturnType<typeof dial>>, id: string): Promise<string> {
  const sent = executor.frames.find(({ type, payload }) => type === 'run_tool' && payload['generation_id'] === id)
  const { tool_id, generation_id } = sent?.payload ?? {}
  const options = [{ id: 'deny', kind: 'deny', label: 'No' }]
  const question = { title: 'x', preview: {}, digest: 'sha256:0', options, expires_in_ms: 1_000 }
  executor.send('approval_requested', { tool_id, generation_id, ...question })
  await executor.receive('stored', ({ ref }) => ref === `approval_requested:${String(tool_id)}`)
  return String(tool_id)
}

/** Comes without a length, so that it is read until it is too much. */
function chunked(content: string): ReadableStream {
  return new Blob([JSON.stringify({ content, prompt: content })]).stream()
}

function byText(one: string, other: string): number {
  return one < other ? -1 : 1
}
