import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { cp, mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/client'
import type { CallToolResult, ClientOptions, ElicitResult } from '@modelcontextprotocol/client'
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio'
import tap, { before, test } from 'tap'
import type { Test } from 'tap'
import { createSystem, programPath } from '#support/system'
import type { System } from '#support/system'

tap.setTimeout(180_000)
let system: System

/** Nobody is there who could be a Maestro, and no model is named. */
const alone = {
  scenario: { steps: [{ text: 'never' }] },
  env: { CODEGEN_MAESTRO_URL: 'ws://127.0.0.1:1/v1/executor', CODEGEN_TOKEN: 'x', OPENAI_BASE_URL: '' },
}

before(async () => {
  system = await createSystem(tap, alone)
})

/** MCP as clients have spoken it since 2024, by `initialize`, and as they do since 2026-07-28, without. */
const eras = [
  { era: '2025-11-25', versionNegotiation: { mode: 'legacy' } },
  { era: '2026-07-28', versionNegotiation: { mode: { pin: '2026-07-28' } } },
] as const

const fromSource = ['--conditions=codegen-source', programPath('cli', 'src', 'main.ts')]

type Answering = (message: string, signal: AbortSignal) => ElicitResult | Promise<ElicitResult>

/** A client of MCP with a `codegen mcp` of its own. With `answering` it can put questions to a person. */
async function connect(
  t: Test,
  {
    on = system,
    program = fromSource,
    words = [],
    answering,
    ...options
  }: ClientOptions & { on?: System; program?: string[]; words?: string[]; answering?: Answering },
): Promise<Connected> {
  const transport = new StdioClientTransport({
    command: process.execPath,
    args: [...program, 'mcp', ...words],
    cwd: on.project,
    env: toStrings(on.env),
    stderr: 'pipe',
  })
  let notes = ''
  transport.stderr?.on('data', (chunk) => (notes += String(chunk)))
  const client = new Client(
    { name: 'test', version: '0' },
    { ...options, capabilities: answering ? { elicitation: { form: {} } } : {} },
  )
  const faults: string[] = []
  Object.assign(client, { onerror: ({ message }: Error) => void (isLateProgress(message) || faults.push(message)) })
  if (answering)
    client.setRequestHandler('elicitation/create', ({ params }, { mcpReq }) => answering(params.message, mcpReq.signal))
  t.teardown(() => client.close())
  await client.connect(transport)
  return { client, faults, notes: () => notes }
}

/**
 * The client takes up an answer at once and a notification a microtask later, so that of a progress and the answer behind it, read in one piece, the progress finds its
 * call gone. That they leave in the right order is seen below, by lines.
 */
const isLateProgress = (message: string): boolean =>
  message.startsWith('Received a progress notification for an unknown token')

type Connected = {
  client: Client
  /** What came that is not MCP, or not as it should be. */
  faults: string[]
  notes(): string
}

function toStrings(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

const shell = (command: string) => ({ name: 'Shell', arguments: { command } })
const textOf = ({ content }: CallToolResult): string =>
  content.map((part) => (part.type === 'text' ? part.text : '')).join('')
const status = async () => JSON.parse((await system.codegen(['status', '--json'])).stdout)
const isThere = (pid: string): boolean => existsSync(`/proc/${pid.trim()}`)
const made = (name: string): boolean => existsSync(join(system.project, name))

async function untilNothingRuns(): Promise<void> {
  while ((await status()).calls_open > 0) await delay(5)
}

for (const { era, ...negotiation } of eras) {
  test(`${era}: the tools of codegend are listed as it has them, with schemas and hints`, async (t) => {
    const { client, faults } = await connect(t, negotiation)
    t.equal(client.getServerVersion()?.name, 'codegen')
    const { tools } = await client.listTools()
    const listed = (await system.codegen(['tools', '--json'])).stdout.trimEnd().split('\n')
    t.same(
      tools.map(({ name, description, inputSchema }) => ({ name, description, parameters: inputSchema })),
      listed
        .map((line) => JSON.parse(line))
        .map(({ name, description, parameters }) => ({ name, description, parameters })),
    )
    const find = (wanted: string) => tools.find(({ name }) => name === wanted)
    t.match(find('ReadFile'), {
      inputSchema: { type: 'object', properties: { file_path: { type: 'string' } }, required: ['file_path'] },
      annotations: { readOnlyHint: true, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    })
    t.match(find('Shell'), { annotations: { readOnlyHint: false, destructiveHint: true, openWorldHint: true } })
    t.same(faults, [])
  })

  test(`${era}: a call runs in the folder, and tells its output while it runs`, async (t) => {
    await writeFile(join(system.home, 'there.txt'), 'plum\n')
    const here = await connect(t, { ...negotiation, words: ['--auto'] })
    const there = await connect(t, { ...negotiation, words: ['-C', system.home] })
    t.match(textOf(await here.client.callTool({ name: 'ReadFile', arguments: { file_path: 'a.txt' } })), /^1\tone$/m)
    t.match(textOf(await there.client.callTool({ name: 'ReadFile', arguments: { file_path: 'there.txt' } })), /plum/)

    const told: string[] = []
    const gate = join(system.project, `gate-${era}`)
    const onprogress = ({ message = '' }): void => {
      told.push(message)
      // The call ends only when it was heard of while it ran.
      if (told.join('').includes('begun')) writeFileSync(gate, '')
    }
    const command = `printf '\\033[31mbegun\\033[0m\\n'; until test -e gate-${era}; do sleep 0.05; done; echo over`
    const result = await here.client.callTool(shell(command), { onprogress })
    t.notOk(result.isError)
    t.match(textOf(result), /over/)
    t.equal(told.join('').slice(0, 6), 'begun\n', 'without what a terminal would obey')
    t.same([...here.faults, ...there.faults], [])
  })

  test(`${era}: what goes wrong is an error with its text, and the next call runs`, async (t) => {
    const { client, faults } = await connect(t, { ...negotiation, words: ['--auto'] })
    const failing = [
      { call: { name: 'ReadFile', arguments: { file_path: 'none' } }, says: /none does not exist/ },
      { call: { name: 'ReadFile', arguments: { file_path: 7 } }, says: /"file_path" must be string/ },
      { call: { name: 'ReadFile' }, says: /required.*file_path/ },
      { call: { name: 'ReadFiel', arguments: {} }, says: /no tool ReadFiel.*did you mean ReadFile\?/ },
      { call: shell('echo out; echo wrong >&2; exit 3'), says: /out[^]*wrong/ },
    ]
    for (const { call, says } of failing) {
      const result = await client.callTool(call)
      t.ok(result.isError, String(says))
      t.match(textOf(result), says)
    }
    const long = { name: 'Shell', arguments: { command: 'sleep 600', timeout_ms: 200 } }
    t.match(textOf(await client.callTool(long)), /200 ms/)
    t.notOk((await client.callTool({ name: 'GetWorkingDirectory' })).isError)
    t.same(faults, [])
  })

  test(`${era}: a cancelled call is gone with its process, and so is one whose client leaves`, async (t) => {
    const command = 'echo $$ > pid; echo begun; sleep 600'
    for (const how of ['cancel', 'close'] as const) {
      const { client } = await connect(t, { ...negotiation, words: ['--auto'] })
      const cancelling = new AbortController()
      const begun = Promise.withResolvers<void>()
      const options = { signal: cancelling.signal, onprogress: () => begun.resolve() }
      const call = client.callTool(shell(command), options)
      const failed = t.rejects(call)
      await begun.promise
      const pid = await readFile(join(system.project, 'pid'), 'utf8')
      t.ok(isThere(pid))
      if (how === 'cancel') cancelling.abort()
      else await client.close()
      await failed
      while (isThere(pid)) await delay(5)
      await untilNothingRuns()
      if (how === 'cancel') t.match(textOf(await client.callTool(shell('echo next'))), /next/, 'the server is well')
    }
  })

  test(`${era}: a client that cannot put questions is told why its call was denied`, async (t) => {
    const { client } = await connect(t, negotiation)
    const result = await client.callTool(shell(`touch made-${era}`))
    t.ok(result.isError)
    t.match(textOf(result), /needs the consent of a person.*--auto/)
    t.notOk(made(`made-${era}`))
    const reading = await connect(t, { ...negotiation, words: ['--read-only'] })
    t.match(textOf(await reading.client.callTool(shell(`touch made-${era}`))), /may only read/)
    await untilNothingRuns()
  })

  test(`${era}: a question is put to the person with the whole call, and only a clear yes runs it`, async (t) => {
    const asked: string[] = []
    const answers: ElicitResult[] = [
      { action: 'accept', content: { answer: 'deny' } },
      { action: 'decline' },
      { action: 'cancel' },
      { action: 'accept', content: { answer: 'allow' } },
    ]
    const { client, faults } = await connect(t, {
      ...negotiation,
      answering(message) {
        asked.push(message)
        return answers[asked.length - 1] ?? { action: 'cancel' }
      },
    })
    const gate = `heard-${era}`
    const call = shell(`echo r"e"ally; until test -e ${gate}; do sleep 0.05; done; touch \u202eallowed-${era}`)
    for (const _ of answers.slice(1)) {
      const denied = await client.callTool(call)
      t.ok(denied.isError)
      t.match(textOf(denied), /not allowed by its owner/)
    }
    const told: string[] = []
    const onprogress = ({ message = '' }): void => {
      told.push(message)
      if (told.join('').includes('really')) writeFileSync(join(system.project, gate), '')
    }
    const allowed = await client.callTool(call, { onprogress })
    t.ok(told.includes('really\n'), 'what is printed after the answer is told as well')
    t.notOk(allowed.isError, textOf(allowed))
    t.match(textOf(allowed), /really/)
    t.equal(asked.length, answers.length)
    for (const message of asked) {
      t.ok(message.startsWith(`May Shell do this in ${system.project}?`), message)
      t.ok(message.includes('echo r"e"ally; until '), message)
      t.ok(message.includes(`touch \\u{202e}allowed-${era}`), message)
    }
    t.same(faults, [])
  })
}

for (const { era, ...negotiation } of eras) {
  test(`${era}: a client that leaves a question open takes its call with it`, async (t) => {
    const asked = Promise.withResolvers<void>()
    const late = Promise.withResolvers<ElicitResult>()
    const { client } = await connect(t, {
      ...negotiation,
      answering() {
        asked.resolve()
        return late.promise
      },
    })
    const failed = t.rejects(client.callTool(shell(`touch made-${era}`)))
    await asked.promise
    t.equal((await status()).calls_open, 1)
    await client.close()
    await untilNothingRuns()
    late.resolve({ action: 'accept', content: { answer: 'allow' } })
    await failed
    t.notOk(made(`made-${era}`))
  })
}

for (const { era, ...negotiation } of eras) {
  test(`${era}: a client is told when the tools are others, by another codegend too`, async (t) => {
    const fresh = await createSystem(t, alone)
    const half = join(fresh.home, 'half')
    await cp(programPath('e2e', 'fixtures', 'plugins', 'hello'), half, { recursive: true })
    await promisify(execFile)('chmod', ['-R', 'go-w', half])
    const lists: string[][] = []
    let told = Promise.withResolvers<void>()
    const onChanged = (_error: unknown, tools: { name: string }[] | null): void => {
      lists.push(tools?.map(({ name }) => name) ?? [])
      told.resolve()
      told = Promise.withResolvers()
    }
    const untilListed = async (isSo: (names: readonly string[]) => boolean): Promise<void> => {
      while (!isSo(lists.at(-1) ?? [])) await told.promise
    }
    const options = { on: fresh, listChanged: { tools: { onChanged } } }
    const { client, faults } = await connect(t, { ...negotiation, ...options })
    t.notOk((await client.listTools()).tools.some(({ name }) => name === 'Hello'))
    await mkdir(join(fresh.home, 'plugins'), { recursive: true, mode: 0o700 })
    await rename(half, join(fresh.home, 'plugins', 'hello'))
    while (!(await fresh.codegen(['plugins'])).stdout.includes('asks')) await delay(50)
    await fresh.codegen(['plugins', 'allow', 'hello'])
    await untilListed((names) => names.includes('Hello'))
    await fresh.codegen(['plugins', 'disable', 'hello'])
    await untilListed((names) => names.length > 0 && !names.includes('Hello'))
    const before = lists.length
    await fresh.codegen(['daemon', 'restart'])
    while (lists.length === before) await told.promise
    t.same(faults, [])
  })
}

test('a call that is cancelled while its question is open ends, and the question with it', async (t) => {
  const asked = Promise.withResolvers<AbortSignal>()
  const { client } = await connect(t, {
    answering: (_message, signal) => (asked.resolve(signal), new Promise(() => undefined)),
  })
  const cancelling = new AbortController()
  const failed = t.rejects(client.callTool(shell('touch made-late'), { signal: cancelling.signal }))
  const question = await asked.promise
  const isVoid = new Promise((resolve) => question.addEventListener('abort', resolve))
  cancelling.abort()
  await failed
  await isVoid
  await untilNothingRuns()
  t.notOk(made('made-late'))
})

test('an answer to a question that is closed runs nothing', async (t) => {
  const { client } = await connect(t, {
    versionNegotiation: { mode: { pin: '2026-07-28' } },
    answering: () => ({ action: 'cancel' }),
  })
  const inputResponses = { answer: { action: 'accept', content: { answer: 'allow' } } }
  const result = await client.request({
    method: 'tools/call',
    params: { ...shell('touch made-forged'), requestState: 'none', inputResponses },
  })
  t.match(result, { isError: true, content: [{ text: /question of this call is closed/ }] })
  t.notOk(made('made-forged'))
})

test('two clients at once, with no codegend yet, each have their own calls, output and questions', async (t) => {
  const fresh = await createSystem(t, alone)
  const both = ['one', 'two'].map(async (name) => {
    const asked: string[] = []
    const told: string[] = []
    const { client, notes } = await connect(t, {
      on: fresh,
      answering(message) {
        asked.push(message)
        return { action: 'accept', content: { answer: 'allow' } }
      },
    })
    const calls = Array.from({ length: 5 }, (_, index) => {
      const onprogress = ({ message = '' }): void => void told.push(message)
      return client.callTool(shell(`sleep 0.2; echo ${name}-${index}`), { onprogress })
    })
    for (const [index, result] of (await Promise.all(calls)).entries())
      t.match(textOf(result), new RegExp(`${name}-${index}`))
    t.equal(asked.length, 5)
    t.ok(notes().split('starting codegend').length <= 2, 'five calls start no more than one')
    t.ok([...asked, ...told].every((text) => text.includes(`${name}-`)))
  })
  await Promise.all(both)
})

test('a codegend that is killed ends the call with a sentence, and the next call starts another', async (t) => {
  const { client, notes } = await connect(t, { words: ['--auto'] })
  const begun = Promise.withResolvers<void>()
  const call = client.callTool(shell('echo $$ > pid; echo begun; sleep 600'), { onprogress: () => begun.resolve() })
  await begun.promise
  process.kill((await status()).pid, 'SIGKILL')
  const result = await call
  t.ok(result.isError)
  t.match(textOf(result), /codegend has ended the connection/)
  const pid = await readFile(join(system.project, 'pid'), 'utf8')
  t.match(textOf(await client.callTool({ name: 'GetWorkingDirectory' })), system.project)
  t.match(notes(), /starting codegend/)
  while (isThere(pid)) await delay(5)
})

test('standard output carries MCP and nothing else, whatever comes in', async (t) => {
  const child = spawn(process.execPath, [...fromSource, 'mcp', '--auto'], { cwd: system.project, env: system.env })
  t.teardown(() => child.kill('SIGKILL'))
  const ended = once(child, 'close')
  let notes = ''
  child.stderr.on('data', (chunk) => (notes += String(chunk)))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const receive = async () => JSON.parse((await lines.next()).value ?? '')
  const send = (line: string | object): void =>
    void child.stdin.write(`${typeof line === 'string' ? line : JSON.stringify({ jsonrpc: '2.0', ...line })}\n`)

  const clientInfo = { name: 'test', version: '0' }
  send({ id: 1, method: 'initialize', params: { protocolVersion: '2025-06-18', capabilities: {}, clientInfo } })
  t.match(await receive(), {
    jsonrpc: '2.0',
    id: 1,
    result: { protocolVersion: '2025-06-18', capabilities: { tools: {} } },
  })
  send({ method: 'notifications/initialized' })
  send('this is not JSON')
  send('{"this": "is no message"}')
  send({ id: 2, method: 'ping' })
  t.match(await receive(), { id: 2, result: {} })
  send({ id: 3, method: 'tools/none' })
  t.match(await receive(), { id: 3, error: { code: -32601 } })
  send({ id: 4, method: 'tools/call', params: { arguments: {} } })
  t.match(await receive(), { id: 4, error: { code: -32602 } })
  send({ id: 5, method: 'tools/list' })
  t.ok((await receive()).result.tools.length > 5)
  const printing = { ...shell('echo out'), _meta: { progressToken: 'p' } }
  send({ id: 6, method: 'tools/call', params: printing })
  t.match(await receive(), { method: 'notifications/progress', params: { progressToken: 'p', message: 'out\n' } })
  t.match(await receive(), { id: 6, result: { content: [{ type: 'text', text: /out/ }] } }, 'nothing is told after it')
  child.stdin.end()
  t.same(await ended, [0, null])
  t.same(await lines.next(), { done: true, value: undefined })
  t.match(notes, /^codegen: .+\n$/, 'what is wrong is said on standard error')
})

test('the bundle serves as well, and what other commands load has nothing of MCP', async (t) => {
  const folder = t.testdir()
  const bundle = join(folder, 'codegen.cjs')
  await promisify(execFile)(process.execPath, [programPath('cli', 'bundle.mjs'), bundle])
  t.notOk((await readFile(bundle, 'utf8')).includes('notifications/progress'))
  t.ok((await readFile(join(folder, 'codegen-mcp.cjs'), 'utf8')).includes('notifications/progress'))
  const { client } = await connect(t, { program: [bundle] })
  t.ok((await client.listTools()).tools.length > 5)
  t.match(textOf(await client.callTool({ name: 'ReadFile', arguments: { file_path: 'a.txt' } })), /one/)
})
