import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import pg from 'pg'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import type { Scenario } from '@codegen/scripted-model'
import { parse } from 'yaml'
import { connectExecutor } from '#support/executor'
import type { Frame, TestExecutor } from '#support/executor'
import { readRun } from '#support/events'
import { startMaestro } from '#support/maestro'
import { findDatabase } from '#support/services'

type Line = { from: string; frame?: Frame; close?: number; run?: string; calls?: string[] }
type Step = NonNullable<Scenario['steps']>[number]

const seed = join(import.meta.dirname, '../protocol/fixtures/seed')
const transcripts = new Map(
  globSync('*.yaml', { cwd: seed }).map((file): [string, Line[]] => [
    basename(file, '.yaml'),
    readLines(file.replace('.yaml', '.jsonl')),
  ]),
)
const bootstrap: [name: string, parameters: object][] = [
  ['GetWorkingDirectory', {}],
  ['ReadFolder', { dir_path: '.' }],
  ['ReadFile', { file_path: '.codegen/plan.md' }],
  ['Shell', { command: 'git log --oneline -10' }],
]

const model = await startScriptedModel({
  scenario: { conversations: [...transcriptConversations(), ...conversations()] },
})
t.teardown(() => model.stop())
const databaseUrl = await findDatabase(t)
const maestro = await startMaestro(t, { modelUrl: model.url, databaseUrl })
// These take ten seconds, which pass while the other tests run.
const slow = {
  patient: greet(t, 'patience'),
  silent: dialAndSay(t),
  babbling: dialAndSay(t, '{"type":"agent_status","payload":{}}'),
  dripping: dripUpgrade(),
}

t.test('an executor of forty lines that knows only the founding document completes a run', async (t) => {
  const lines = readFileSync(join(import.meta.dirname, 'fixtures/seed-executor.mjs'), 'utf8')
    .trimEnd()
    .split('\n')
  t.ok(lines.length <= 40, `${lines.length} lines`)

  const project = await makeProject(t)
  const executor = startSeedExecutor(project, 'write a note')
  const printed = await executor.printed()
  const calls = printed.filter((line) => line.type === 'run_tool').map((line) => line.payload)
  t.strictSame(printed.at(-1), { closed: 1000 })
  t.equal(printed.length, calls.length + 1, 'nothing but run_tool was ever sent')
  t.strictSame(
    calls.map((call) => [call['tool_name'], call['parameters']]),
    [
      ...bootstrap,
      ['WriteFile', { file_path: 'note.txt', content: 'a note\n' }],
      ['Shell', { command: 'cat note.txt nothing.txt' }],
      ['Shell', { command: 'cat note.txt' }],
    ],
  )
  for (const call of calls) t.strictSame(Object.keys(call), ['tool_name', 'tool_id', 'generation_id', 'parameters'])
  t.equal(new Set(calls.map((call) => call['tool_id'])).size, calls.length)
  t.equal(new Set(calls.map((call) => call['generation_id'])).size, 1)
  t.equal(readFileSync(join(project, 'note.txt'), 'utf8'), 'a note\n')

  const first = JSON.stringify(model.requests.find((seen) => JSON.stringify(seen.body).includes('write a note'))?.body)
  for (const text of [project, 'README.md', 'ENOENT', 'not a git repository'])
    t.ok(first.includes(text), `before it plans the model is told of ${text}`)
  const { run, facts } = await readRun(maestro, String(calls[0]?.['generation_id']))
  t.match(run, { status: 'completed', turns: 4, prompt: 'write a note', mode: 'auto' })
  t.match(facts.at(-1), { type: 'run_finished', payload: { summary: 'The note is there.' } })
})

t.test('the executor of docs/protocol.md is the one that is run here, and not longer than it says', (t) => {
  const [, program = ''] =
    /```js\n([^]*?)```/.exec(readFileSync(join(import.meta.dirname, '../docs/protocol.md'), 'utf8')) ?? []
  t.equal(program, readFileSync(join(import.meta.dirname, 'fixtures/seed-executor.mjs'), 'utf8'))
  t.ok(program.trimEnd().split('\n').length <= 40)
  t.end()
})

for (const [name, lines] of transcripts) {
  t.test(`the transcript "${name}" is what happens`, async (t) => {
    const { run, facts } = await replay(t, lines)
    const { run: status, calls } = lines.at(-1) ?? {}
    t.equal(run['status'], status)
    const finished = facts.filter(({ type }) => type === 'bootstrap_result' || type === 'tool_call_finished')
    t.strictSame(
      finished.map(({ payload }) => payload['status']),
      calls,
    )
  })
}

t.test('a status word that is read as another one is kept in the log as it came (PR-47)', async (t) => {
  if (databaseUrl === undefined) return t.plan(0, 'needs a Postgres that can be looked into')
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  const { rows } = await client.query(
    `SELECT internal->>'status_word' AS word FROM run_log JOIN runs USING (team_id, generation_id)
      WHERE prompt = 'conte' AND type LIKE '%finished' AND internal->>'status_word' IS NOT NULL ORDER BY position`,
  )
  await client.end()
  const words = rows.map(({ word }) => String(word))
  t.strictSame(words, ['ok', 'completed', 'done', 'failure', 'SUCCESS', '', 'não sei', '__proto__'])
})

t.test('an executor that goes away ends its run as failed, and the call it had as interrupted', async (t) => {
  const executor = startSeedExecutor(await makeProject(t), 'sleep long')
  const generationId = await executor.waitForCall('sleep 600')
  executor.kill()
  const { run, facts } = await readRun(maestro, generationId)
  t.match(run, { status: 'failed', error: /executor went away/ })
  t.match(facts.at(-2), { type: 'tool_call_finished', payload: { status: 'interrupted' } })
  t.match(facts.at(-1), { payload: { status: 'failed', error: { code: 'executor.offline' } } })
})

t.test('an executor that goes away while its run is put on record ends it too', async (t) => {
  const prompts = Array.from({ length: 20 }, (_, index) => `vanish ${index}`)
  for (const [index, prompt] of prompts.entries()) {
    const executor = await greet(t, prompt)
    await wait(index)
    executor.socket.terminate()
    await once(executor.socket, 'close')
  }
  // One whose handshake came after them is served after them.
  const executor = await greet(t, 'sleep long')
  await executor.receive('run_tool')
  const { runs } = (await maestro.json('/v1/runs?limit=200')) as { runs: { generation_id: string; prompt: string }[] }
  const vanished = runs.filter(({ prompt }) => prompts.includes(prompt))
  t.ok(vanished.length > 0, `${vanished.length} of 20 were on record already`)
  for (const { generation_id: id } of vanished)
    t.match((await readRun(maestro, id)).run, { status: 'failed', turns: 0 })
  t.notOk(JSON.stringify(model.requests).includes('vanish'))
})

t.test('a run that is cancelled over HTTP closes with 1000 and sends its executor nothing more', async (t) => {
  const executor = await greet(t, 'sleep long')
  const { generation_id: id } = await answerBootstrap(executor)
  await executor.receive('run_tool')
  const headers = { 'content-type': 'application/json' }
  const path = `/v1/runs/${String(id)}/cancel`
  const answer = await maestro.fetch(path, { method: 'POST', headers, body: '{"reason":"not needed"}' })
  t.equal(answer.status, 202)
  t.strictSame(await executor.next(), { code: 1000, reason: 'the run has ended' })
  t.match((await readRun(maestro, String(id))).run, { status: 'cancelled', error: 'not needed' })
  t.equal((await maestro.fetch(path, { method: 'POST' })).status, 409)
})

t.test('a result for a run or a call of somebody else changes nothing there (PR-41)', async (t) => {
  const [mine, other] = [await greet(t, 'sleep long'), await greet(t, 'sleep long')]
  const theirs = await other.receive('run_tool')
  const own = await mine.receive('run_tool')
  mine.send('tool_result', { ...resultOf(theirs), result: 'forged' })
  mine.send('tool_result', { ...resultOf(theirs), generation_id: own['generation_id'], result: 'forged' })
  mine.send('tool_result', { ...resultOf(own), generation_id: theirs['generation_id'], result: 'forged' })
  mine.socket.ping()
  await once(mine.socket, 'pong')
  t.equal(mine.frames.length, 1, 'its own call is open still')
  mine.send('tool_result', resultOf(own))
  t.match(await mine.next(), { type: 'run_tool', payload: { tool_name: 'ReadFolder' } })
  other.send('tool_result', resultOf(theirs))
  t.match(await other.next(), { type: 'run_tool', payload: { tool_name: 'ReadFolder' } })
  for (const executor of [mine, other]) executor.socket.terminate()
  for (const { generation_id: id } of [theirs, own]) {
    const { facts } = await readRun(maestro, String(id))
    t.notOk(JSON.stringify(facts).includes('forged'))
    t.match(facts.find(({ type }) => type === 'bootstrap_result')?.payload, { status: 'success', result: 'x' })
  }
  t.equal(mine.frames.length, 2, 'it was sent nothing it does not know')
})

t.test('who may not come in is told so before there is a WebSocket', async (t) => {
  const authorization = `Bearer ${maestro.token}`
  const cases: [name: string, path: string, headers: Record<string, string>, status: number][] = [
    ['no token (PR-21)', '/v1/executor', {}, 401],
    ['a wrong token', '/v1/executor', { authorization: 'Bearer wrong' }, 401],
    ['another scheme', '/v1/executor', { authorization: `Basic ${maestro.token}` }, 401],
    ['a token in the query (PR-27)', `/v1/executor?token=${maestro.token}`, {}, 400],
    ['any query', '/v1/executor?a=1', { authorization }, 400],
    ['an Origin', '/v1/executor', { authorization, origin: 'https://example.com' }, 403],
    ['the Origin of this server', '/v1/executor', { authorization, origin: maestro.url.replace('ws', 'http') }, 403],
    ['an Origin that is null', '/v1/executor', { authorization, origin: 'null' }, 403],
    ['another path', '/v1/runs', { authorization }, 404],
  ]
  for (const [name, path, headers, status] of cases) {
    const answer = await upgrade(path, headers)
    t.equal(answer.status, status, name)
    t.match(JSON.parse(answer.body), { error: { code: String, message: String } }, name)
  }
  const allowed = await upgrade('/v1/executor', { authorization })
  t.equal(allowed.status, 101)
  t.equal(allowed.headers['x-codegen-protocol'], '1', 'Maestro names its level')
  t.notOk(maestro.log().includes(maestro.token), 'no token in the log (PR-27)')
})

t.test('what is no frame closes the connection with the code for it', async (t) => {
  const hello = JSON.stringify(toHandshake('sleep long'))
  const cases: [name: string, data: string | Buffer, binary: boolean, code: number][] = [
    ['no JSON (PR-01)', '{', false, 1007],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), false, 1007],
    ['no type (PR-03)', '{"payload":{}}', false, 1008],
    ['no object', '[]', false, 1008],
    ['100,000 levels (PR-09)', '['.repeat(100_000), false, 1008],
    ['a binary frame (PR-13)', Buffer.from(hello), true, 1003],
    ['more than a frame may have (PR-07)', `"${'x'.repeat(8 * 1024 * 1024)}"`, false, 1009],
  ]
  for (const [name, data, binary, code] of cases) {
    const fresh = await connectExecutor(t, maestro)
    fresh.socket.send(data, { binary })
    t.equal((await fresh.closed()).code, code, `${name}, as the first frame`)
    const greeted = await greet(t, 'sleep long')
    await greeted.receive('run_tool')
    greeted.socket.send(data, { binary })
    t.equal((await greeted.closed()).code, code, `${name}, after the handshake`)
    t.equal(greeted.frames.length, 1, 'and nothing else was sent')
  }
  t.equal((await maestro.fetch('/healthz')).status, 200)
})

t.test('the first message is a handshake, whole and once', async (t) => {
  const good = toHandshake('sleep long')
  const { initial_prompt: _, ...unasked } = good.payload
  const cases: [name: string, frame: object, reason: RegExp][] = [
    ['a result', { type: 'tool_result', payload: resultOf({ tool_id: 't', generation_id: 'g' }) }, /first message/],
    ['an unknown message', { type: 'hello', payload: {} }, /first message/],
    ['no prompt', { type: 'handshake', payload: unasked }, /initial_prompt/],
    ['an empty prompt', toHandshake(' \n'), /initial_prompt/],
    [
      'tools that are no list',
      { type: 'handshake', payload: { ...good.payload, known_tools: 'Shell' } },
      /known_tools/,
    ],
    [
      '10,000 tools (PR-35)',
      { type: 'handshake', payload: { ...good.payload, known_tools: Array.from({ length: 10_000 }, () => 'Shell') } },
      /known_tools/,
    ],
  ]
  for (const [name, frame, reason] of cases) {
    const executor = await connectExecutor(t, maestro)
    executor.socket.send(JSON.stringify(frame))
    const closed = await executor.closed()
    t.equal(closed.code, 4400, name)
    t.match(closed.reason, reason, name)
    t.strictSame(executor.frames, [], 'nothing was sent')
  }
  const parameters = { type: 'object', properties: { key: { enum: ['x'.repeat(5 * 1024 * 1024)] } } }
  const huge = { ...good.payload, custom_tools: [{ name: 'huge', description: '', parameters }] }
  const refused = await connectExecutor(t, maestro)
  refused.send('handshake', huge)
  t.match(await refused.closed(), { code: 4400, reason: /custom_tools has 52\d{5} bytes/ }, 'a schema of 5 MB (PR-35)')
  const executor = await greet(t, 'sleep long')
  const { generation_id: id } = await executor.receive('run_tool')
  executor.socket.send(JSON.stringify(good))
  t.equal((await executor.closed()).code, 1008, 'a second handshake (PR-33)')
  t.match((await readRun(maestro, String(id))).run, { status: 'failed' })
})

t.test('a bootstrap call without an answer ends by itself, and a late answer changes nothing (PR-45)', async (t) => {
  const executor = await slow.patient
  const late = await executor.receive('run_tool')
  const second = await executor.receive('run_tool')
  t.equal(second['tool_name'], 'ReadFolder')
  executor.send('tool_result', { ...resultOf(late), result: 'too late' })
  executor.send('tool_result', resultOf(second))
  for (const _ of [3, 4]) executor.send('tool_result', resultOf(await executor.receive('run_tool')))
  t.equal((await executor.closed()).code, 1000)
  const { run, facts } = await readRun(maestro, String(late['generation_id']))
  t.equal(run['status'], 'completed')
  t.strictSame(
    facts.filter(({ type }) => type === 'bootstrap_result').map(({ payload }) => payload['status']),
    ['timeout', 'success', 'success', 'success'],
  )
  t.notOk(JSON.stringify(facts).includes('too late'))
  t.match(maestro.log(), new RegExp(`A late result .* of the call ${String(late['tool_id'])}`), 'but in the log')
})

t.test('a connection without a handshake is closed after ten seconds, and a request head that drips too', async (t) => {
  const { code, seconds } = await slow.silent
  t.equal(code, 4400)
  t.ok(seconds >= 10, `${seconds} s`)
  t.match(await slow.babbling, { code: 4400 })
  t.ok(await slow.dripping, 'long before it was whole (PR-15)')
})

async function replay(t: Test, lines: readonly Line[]) {
  const executor = await connectExecutor(t, maestro)
  const ids = new Map<string, string>()
  for (const line of lines) {
    if (line.close !== undefined) {
      t.equal((await executor.closed()).code, line.close)
      t.strictSame(await executor.next(), await executor.closed(), 'nothing else was sent')
    } else if (line.from === 'executor') {
      executor.socket.send(fillIn(JSON.stringify(line.frame), ids))
    } else {
      const arrived = await executor.next()
      learnIds(line.frame, arrived, ids)
      t.strictSame(arrived, JSON.parse(fillIn(JSON.stringify(line.frame), ids)))
    }
  }
  t.equal(new Set(ids.values()).size, ids.size, 'every id is its own')
  return readRun(maestro, ids.get('$run') ?? '')
}

/** What stands for `$run` and `$call1` is learned where it comes first. */
function learnIds(expected: unknown, arrived: unknown, ids: Map<string, string>): void {
  for (const field of ['tool_id', 'generation_id']) {
    const [name, id] = [expected, arrived].map((frame) => (frame as Partial<Frame> | undefined)?.payload?.[field])
    if (typeof name === 'string' && typeof id === 'string' && !ids.has(name)) ids.set(name, id)
  }
}

function fillIn(text: string, ids: ReadonlyMap<string, string>): string {
  return text.replaceAll(/"(?<name>\$[a-z]+\d*)"/g, (whole, name: string) => JSON.stringify(ids.get(name) ?? whole))
}

function readLines(file: string): Line[] {
  const lines = readFileSync(join(seed, file), 'utf8').trimEnd().split('\n')
  return lines.map((line): Line => JSON.parse(line))
}

function transcriptConversations() {
  return [...transcripts].map(([name, [first]]) => {
    const { steps } = parse(readFileSync(join(seed, `${name}.yaml`), 'utf8')) as { steps: Step[] }
    return { name, when: `/^${String(first?.frame?.payload['initial_prompt'])}$/`, steps }
  })
}

function conversations() {
  const call = (tool: string, parameters: object) => ({ calls: [{ tool, arguments: parameters }] })
  return [
    {
      name: 'note',
      when: 'write a note',
      steps: [
        call('WriteFile', { file_path: 'note.txt', content: 'a note\n' }),
        call('Shell', { command: 'cat note.txt nothing.txt' }),
        { ...call('Shell', { command: 'cat note.txt' }), expect: [{ contains: 'nothing.txt' }] },
        { text: 'The note is there.', expect: [{ contains: 'a note\n' }] },
      ],
    },
    { name: 'sleep', when: 'sleep long', steps: [call('Shell', { command: 'sleep 600' })] },
    { name: 'patience', when: 'patience', steps: [{ text: 'Done.', expect: [{ call: 1, contains: 'in time' }] }] },
  ]
}

function toHandshake(prompt: string) {
  const payload = {
    client_type: 'cli',
    initial_prompt: prompt,
    known_tools: ['Shell'],
    custom_tools: [],
    project_spec: { content: '', file_paths: [] },
  }
  return { type: 'handshake', payload }
}

async function greet(t: Test, prompt: string): Promise<TestExecutor> {
  const executor = await connectExecutor(t, maestro)
  executor.socket.send(JSON.stringify(toHandshake(prompt)))
  return executor
}

function resultOf(call: Frame['payload']): Frame['payload'] {
  const { tool_id, generation_id } = call
  return { tool_id, status: 'success', result: 'x', generation_id }
}

async function answerBootstrap(executor: TestExecutor): Promise<Frame['payload']> {
  let call: Frame['payload'] = {}
  for (const [name] of bootstrap) {
    call = await executor.receive('run_tool')
    if (call['tool_name'] !== name) throw new Error(`${String(call['tool_name'])} came where ${name} was due`)
    executor.send('tool_result', resultOf(call))
  }
  return call
}

async function makeProject(t: Test): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'seed-')))
  t.teardown(() => rm(folder, { recursive: true }))
  await mkdir(join(folder, 'src'))
  await writeFile(join(folder, 'README.md'), '# A project\n')
  return folder
}

function startSeedExecutor(cwd: string, prompt: string) {
  const program = join(import.meta.dirname, 'fixtures/seed-executor.mjs')
  const env = { ...process.env, GIT_CEILING_DIRECTORIES: tmpdir() }
  // In a group of its own: what its commands started goes with it.
  const child = spawn(process.execPath, [program, maestro.url, maestro.token, prompt], { cwd, env, detached: true })
  let output = ''
  child.stderr.pipe(process.stderr)
  const lines = () => output.split('\n').slice(0, -1)
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  return {
    async printed() {
      await once(child, 'close')
      return lines().map((line): Frame & { closed?: number } => JSON.parse(line))
    },
    async waitForCall(text: string): Promise<string> {
      while (!output.includes(text)) await once(child.stdout, 'data')
      const call: Frame = JSON.parse(lines().find((line) => line.includes(text)) ?? '{}')
      return String(call.payload['generation_id'])
    },
    kill() {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
    },
  }
}

/** Asks for a WebSocket; returns how that was answered. */
async function upgrade(path: string, headers: Record<string, string>) {
  const url = new URL(path, maestro.url.replace('ws', 'http'))
  const key = { 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16).toString('base64') }
  const asking = request(url, { headers: { connection: 'Upgrade', upgrade: 'websocket', ...key, ...headers } })
  asking.end()
  const [answer, socket] = await Promise.race([once(asking, 'response'), once(asking, 'upgrade')])
  socket?.destroy()
  let body = ''
  if (answer.statusCode !== 101) for await (const piece of answer) body += String(piece)
  return { status: answer.statusCode, headers: answer.headers, body }
}

/** How a connection ends that says nothing, or this and nothing else. */
async function dialAndSay(t: Test, text?: string) {
  const startedAt = performance.now()
  const executor = await connectExecutor(t, maestro)
  if (text !== undefined) executor.socket.send(text)
  const { code } = await executor.closed()
  return { code, seconds: Math.round((performance.now() - startedAt) / 1_000) }
}

/** Sends a request head a byte every half second, which takes a minute and more; returns whether the connection was closed before. */
async function dripUpgrade(): Promise<boolean> {
  const { hostname, port } = new URL(maestro.url)
  const socket = connect(Number(port), hostname)
  let isClosed = false
  socket
    .on('error', () => undefined)
    .on('close', () => (isClosed = true))
    .resume()
  for (const character of `GET /v1/executor HTTP/1.1\r\nHost: x\r\nX-Padding: ${'x'.repeat(100)}`) {
    if (isClosed) break
    socket.write(character)
    await wait(500)
  }
  return isClosed
}
