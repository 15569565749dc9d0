import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join, resolve } from 'node:path'
import type { ToolContext } from '@codegen/kit'
import tap, { test } from 'tap'
import type { Test } from 'tap'
import type { Offer, PluginProcess } from '#plugin-process/plugin-process'
import { expandNamed, expandVariables } from './expand-variables.ts'
import { toMcpProgram } from './mcp-program.ts'
import { parseMcpServers } from './mcp-server.ts'
import { toOfferedNames } from './offered-names.ts'
import { toServerAsk } from './server-ask.ts'
import { toLaunch } from './to-launch.ts'
import { toToolReturn } from './to-tool-return.ts'

tap.setTimeout(120_000)
const fixture = resolve(import.meta.dirname, '../../../e2e/fixtures/mcp/server.mjs')

type Started = { readonly process: PluginProcess; readonly offers: Offer[]; readonly folder: string }

/** Starts the server of an entry, which ends with the test. */
function start(t: Test, entry: object, { startMsMax = 20_000 } = {}): Started {
  const [server] = parseMcpServers(JSON.stringify({ mcpServers: { it: entry } }), 'it.mcp.json')
  if (!server) throw new Error('no server')
  const folder = t.testdir()
  const dataDir = join(folder, 'data')
  const launch = toLaunch(server, { root: undefined, dataDir, environment: process.env })
  const definitionsFile = join(folder, 'it.json')
  const printed = (): undefined => undefined
  const program = toMcpProgram({ name: 'it', launch, dataDir, printed, definitionsFile, startMsMax })
  const offers: Offer[] = []
  const started = program.start((offer) => offers.push(offer))
  t.teardown(async () => {
    started.end()
    await started.ended
  })
  return { process: started, offers, folder }
}

const stdio = (...words: string[]) => ({ command: process.execPath, args: [fixture, ...words] })

/** Calls a tool. What it shows meanwhile is in `shown`. */
function call(started: Started, tool: string, { parameters = {}, signal = new AbortController().signal } = {}) {
  const shown: string[] = []
  const hands = { signal, output: (chunk: string, stream = 'stdout') => void shown.push(`${stream} ${chunk}`) }
  const context = { ...hands, progress: (message: string) => void shown.push(`progress ${message}`) } as ToolContext
  return { shown, answer: started.process.call(tool, { parameters, context, readOnly: false }) }
}

async function toolsOf({ process: started }: Started): Promise<Offer> {
  return (await started.describe()) as Offer
}

for (const mode of ['good', 'dirty', 'modern']) {
  test(`a ${mode} server is described, called, and heard to the last word`, async (t) => {
    const started = start(t, stdio(mode, 'Ada'))
    const { tools } = await toolsOf(started)
    t.match(tools[0], { name: 'it_greet', annotations: { readOnly: true }, parameters: { type: 'object' } })
    t.match(await call(started, 'it_greet', { parameters: { who: 'Bob' } }).answer, { text: 'Ada greets Bob' })
    const last = call(started, 'it_last')
    t.match(await last.answer, { text: 'done' })
    t.strictSame(last.shown, ['progress the\n', 'progress last\n', 'progress word\n'])
    t.match(await call(started, 'it_stray').answer, { text: 'still here' })
    t.match(await call(started, 'it_fail').answer, { text: 'it did not work', isError: true })
    await t.rejects(call(started, 'it_error').answer, { code: 'tool.failed', message: /no such thing \(-32602\)/ })
    await t.rejects(call(started, 'it_none').answer, { code: 'tool.unavailable' })
    t.match(await call(started, 'it_flood').answer, { text: 'flooded' })
  })
}

test('a cancelled call is cancelled at the server, which goes on; one that is stuck is ended with its process', async (t) => {
  const folder = t.testdir()
  const started = start(t, stdio('good', join(folder, 'it')))
  await toolsOf(started)
  const stop = new AbortController()
  const waiting = call(started, 'it_wait', { signal: stop.signal })
  while (waiting.shown.length < 2) await new Promise((done) => setTimeout(done, 5))
  t.strictSame(waiting.shown, ['log info: waiting\n', 'progress begun\n'])
  stop.abort(new Error('enough'))
  await t.rejects(waiting.answer, { message: 'enough' })
  t.match(await call(started, 'it_greet').answer, { text: /greets nobody/ })
  t.equal(readFileSync(join(folder, 'it.cancelled'), 'utf8'), '')
  const stuck = new AbortController()
  const spinning = call(started, 'it_spin', { signal: stuck.signal })
  while (spinning.shown.length < 1) await new Promise((done) => setTimeout(done, 5))
  stuck.abort(new Error('too late'))
  await t.rejects(spinning.answer, { message: 'too late' })
  t.match(await started.process.ended, { asked: false })
})

test('a server that crashes, answers too much or never, or is not there says so', async (t) => {
  const crashing = start(t, stdio('good'))
  await toolsOf(crashing)
  await t.rejects(call(crashing, 'it_crash').answer, { code: 'tool.failed', message: /ended \(exit code 3\)/ })
  t.match(await crashing.process.ended, { asked: false, how: 'exit code 3', complaint: /started good/ })
  const huge = start(t, stdio('good'))
  await toolsOf(huge)
  await t.rejects(call(huge, 'it_huge').answer, { code: 'tool.failed', message: /ended/ })
  const silent = start(t, stdio('silent'), { startMsMax: 1_000 })
  await t.rejects(silent.process.describe(), { code: 'plugin.broken', message: /not ready within 1000 ms/ })
  await silent.process.ended
  const leaver = start(t, stdio('leaver'))
  await t.rejects(leaver.process.describe(), {
    code: 'plugin.broken',
    message: /ended \(exit code 7\).*started leaver/,
  })
  const absent = start(t, { command: 'no-such-program-anywhere' })
  await t.rejects(absent.process.describe(), { code: 'plugin.broken', message: /there is no such program/ })
})

test('the end of a server is the end of what it started', async (t) => {
  const started = start(t, stdio('good'))
  await toolsOf(started)
  const answered = await call(started, 'it_child').answer
  const pid = Number(typeof answered === 'string' ? answered : answered.text)
  t.ok(isThere(pid))
  started.process.end()
  t.match(await started.process.ended, { asked: true })
  t.notOk(isThere(pid))
})

function isThere(pid: number): boolean {
  try {
    return !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

test('a server gets the basics and what its entry names, and asks nobody', async (t) => {
  process.env['MCP_TEST_SECRET'] = 'hidden'
  const entry = { ...stdio('good'), env: { TOLD: '${MCP_TEST_SECRET}', PLAIN: '1' } }
  const started = start(t, entry)
  await toolsOf(started)
  const answered = await call(started, 'it_env').answer
  t.match(answered, { structured: { env: { TOLD: 'hidden', PLAIN: '1', PATH: process.env['PATH'] } } })
  t.match(answered, { structured: { cwd: join(started.folder, 'data') } })
  t.notMatch(JSON.stringify(answered), /MCP_TEST_SECRET|TAP_|npm_/)
  t.match(await call(started, 'it_ask').answer, { text: /-32601|not supported|Method not found/ })
})

test('other tools are told of as they come', async (t) => {
  const started = start(t, stdio('good'))
  t.notMatch(JSON.stringify(await toolsOf(started)), /it_grown/)
  t.match(await call(started, 'it_grow').answer, { text: 'grown' })
  while (started.offers.length < 2) await new Promise((done) => setTimeout(done, 5))
  t.ok(started.offers[1]?.tools.some(({ name }) => name === 'it_grown'))
  t.match(await call(started, 'it_grown').answer, { text: 'new' })
})

test('what can be offered of hostile lists is offered, and the rest is named with its reason (PL-15)', async (t) => {
  const many = await toolsOf(start(t, stdio('many')))
  t.equal(many.tools.length, 100)
  t.match(many.leftOut, [/tool100 is not offered: there are more than 100\./])
  t.match(many.leftOut.at(-1), /9895 more are not offered/)
  const { tools, leftOut } = await toolsOf(start(t, stdio('schemas')))
  const names = tools.map(({ name }) => name)
  t.match(names, [
    'it_referring',
    /^it_a_b_[0-9a-f]{8}$/,
    /^it_a_b_[0-9a-f]{8}$/,
    /^it_long.{48}_[0-9a-f]{8}$/,
    'it_bare',
  ])
  t.equal(new Set(names).size, 5)
  const place = { type: 'object', properties: { name: { type: 'string' }, next: {} } }
  t.strictSame(tools[0]?.parameters, {
    properties: { at: place, pattern: { type: 'string', description: 'Pattern: ^(a+)+$' } },
    required: ['at'],
    type: 'object',
  })
  t.match(
    leftOut.join('\n'),
    /remote is not offered: its schema refers to http:\/\/127\.0\.0\.1\/x, which is not inside it/,
  )
  t.match(leftOut.join('\n'), /lost is not offered: its schema refers to #\/\$defs\/none, which is not there/)
  t.match(leftOut.join('\n'), /big is not offered: its schema is bigger than 65536 bytes/)
  t.match(leftOut.join('\n'), /doubling is not offered: its schema is bigger/)
  t.match(leftOut.join('\n'), /list is not offered: its schema is of something else than an object/)
})

type Handler = (request: IncomingMessage, response: ServerResponse, body: { id?: number; method?: string }) => void

/** A server over HTTP, written by hand. */
async function serve(t: Test, handle: Handler): Promise<string> {
  const server = createServer((request, response) => {
    let text = ''
    request.setEncoding('utf8').on('data', (chunk) => (text += String(chunk)))
    request.on('end', () => handle(request, response, text ? JSON.parse(text) : {}))
  })
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  t.teardown(() => server.closeAllConnections())
  t.teardown(() => server.close())
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/mcp`
}

const initialized = {
  protocolVersion: '2025-06-18',
  capabilities: { tools: {} },
  serverInfo: { name: 'h', version: '1' },
}

/** One that lists a tool `go`, whose call is handled by `handle`. */
function withTool(handle: Handler): Handler {
  return (request, response, body) => {
    if (request.method !== 'POST') return void response.writeHead(405).end()
    if (body.id === undefined) return void response.writeHead(202).end()
    if (body.method === 'tools/call') return handle(request, response, body)
    const result = body.method === 'initialize' ? initialized : { tools: [{ name: 'go', inputSchema: {} }] }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ jsonrpc: '2.0', id: body.id, result }))
  }
}

test('over HTTP a server gone in mid-call, a flood, a lost session and a redirect to another host cost one call', async (t) => {
  const elsewhere: string[] = []
  const other = await serve(t, (request, response) => {
    elsewhere.push(String(request.headers['x-key']))
    response.writeHead(500).end()
  })
  const endings: Handler[] = [
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(': begun\n\n')
      setTimeout(() => response.destroy(), 20)
    },
    (_request, response) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(': over\n\n'),
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      const more = (): unknown => response.destroyed || response.write('x'.repeat(1_000_000), () => setImmediate(more))
      more()
    },
    (_request, response) => void response.writeHead(307, { location: other.replace('127.0.0.1', 'localhost') }).end(),
    (_request, response) => void response.writeHead(404).end('no such session'),
  ]
  const says = [
    /ended the connection before/,
    /ended the connection before/,
    /more than 16777216 bytes/,
    /HTTP 307/,
    /HTTP 404/,
  ]
  let next: Handler | undefined
  const url = await serve(
    t,
    withTool((...asked) => next?.(...asked)),
  )
  const started = start(t, { url, headers: { 'X-Key': 'secret' } })
  t.match(await toolsOf(started), { tools: [{ name: 'it_go', parameters: { type: 'object' } }] })
  for (const [index, ending] of endings.entries()) {
    next = ending
    await t.rejects(call(started, 'it_go').answer, { code: 'tool.failed', message: says[index] })
  }
  t.strictSame(elsewhere, [])
  t.match(await started.process.ended, { asked: true }, 'the next call greets it anew')
})

test('a server that wants a token, or is not there, is told of in words that help', async (t) => {
  const url = await serve(t, (_request, response) => void response.writeHead(401).end())
  await t.rejects(start(t, { url }).process.describe(), {
    message: /401.*"headers".*Authorization.*Bearer \$\{TOKEN\}/,
  })
  await t.rejects(start(t, { url: await addressOfNobody() }).process.describe(), {
    message: /cannot be reached at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
  })
})

/** Where somebody listened a moment ago. */
async function addressOfNobody(): Promise<string> {
  const server = createServer()
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done))
  const address = server.address()
  await new Promise((done) => server.close(done))
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}/mcp`
}

test('entries are read as other clients read them, and what cannot be used says why', (t) => {
  const madeOf = (entry: unknown) => parseMcpServers(JSON.stringify({ mcpServers: { x: entry } }), 'f')[0]?.made
  t.match(madeOf({ command: 'npx', args: ['-y', 'x'] }), { kind: 'stdio', command: 'npx' })
  t.match(madeOf({ type: 'http', url: 'https://x.example' }), { kind: 'http' })
  t.match(parseMcpServers('{"a": {"command": "x"}}', 'f'), [{ name: 'a', form: 'open' }])
  const wrong = [{}, 7, { command: 'a', url: 'b' }, { command: 'a', args: 'b' }, { command: 'a', env: { A: 1 } }]
  for (const entry of [...wrong, { type: 'sse', url: 'https://x.example' }]) t.match(madeOf(entry), { kind: 'wrong' })
  t.match(parseMcpServers('{"mcpServers": {"../a b": {}}}', 'f'), [{ name: 'a-b' }])
  for (const text of ['', '{', '[]', '{}', '{"mcpServers": {}}']) t.throws(() => parseMcpServers(text, 'f'))
  t.end()
})

test('variables are put in once, with defaults, and an unset one is named', (t) => {
  const values = { A: '${B}', B: 'b' }
  t.equal(expandVariables('${A} ${B} ${C:-c} $B', values), '${B} b c $B')
  t.throws(() => expandVariables('${C}', values), { message: /\$\{C\}, which is not in codegend's environment/ })
  t.equal(expandNamed('${A} ${C} ${A:-x}', { A: 'a' }), 'a ${C} ${A:-x}')
  t.end()
})

test('what is asked for names everything and shows no value, and other values are another question', (t) => {
  const ask = (entry: object) => {
    const [server] = parseMcpServers(JSON.stringify({ mcpServers: { x: entry } }), 'f')
    return server && toServerAsk(server, '')
  }
  const one = ask({ command: 'run it', args: ['--key', '${KEY}'], env: { TOKEN: 'plain' } })
  t.match(one, { command: '"run it" --key ${KEY}', env: ['TOKEN', 'KEY'] })
  t.notMatch(JSON.stringify(one), /plain/)
  t.not(one?.digest, ask({ command: 'run it', args: ['--key', '${KEY}'], env: { TOKEN: 'other' } })?.digest)
  t.match(ask({ url: 'https://x.example', headers: { Authorization: 'Bearer ${T}' } }), {
    env: ['T'],
    headers: ['Authorization'],
  })
  t.end()
})

test('a name is clean, short and nobody else’s, whatever the order', (t) => {
  const names = toOfferedNames('1 pass', ['a', 'b/c', 'b.c'])
  t.match([...names.values()], ['mcp_1_pass_a', /^mcp_1_pass_b_c_[0-9a-f]{8}$/, /^mcp_1_pass_b_c_[0-9a-f]{8}$/])
  t.equal(toOfferedNames('1 pass', ['b.c', 'b/c']).get('b/c'), names.get('b/c'))
  t.end()
})

test('an answer is told as text, with what is no text named', (t) => {
  const content = [
    { type: 'text', text: 'one' },
    { type: 'image', mimeType: 'image/png', data: 'AAAA' },
    { type: 'audio', mimeType: 'audio/wav', data: 'AAA=' },
    { type: 'resource_link', uri: 'file:///a', name: 'a' },
    { type: 'resource', resource: { uri: 'x:1', text: 'inside' } },
    { type: 'resource', resource: { uri: 'x:2', mimeType: 'a/b', blob: 'AA==' } },
    { type: 'hologram' },
    7,
  ]
  t.strictSame(toToolReturn('t', { content }), {
    text: [
      'one\n[image: image/png, 3 bytes]\n[audio: audio/wav, 2 bytes]\n[link: file:///a, a]\n[resource: x:1]\ninside',
      '[resource: x:2, a/b, 1 bytes]\n[hologram: a kind of content that cannot be shown]\n[something that is no content]',
    ].join('\n'),
  })
  t.match(toToolReturn('t', { structuredContent: { a: 1 } }), { text: '{"a":1}', structured: { a: 1 } })
  t.throws(() => toToolReturn('t', 7), { code: 'tool.failed' })
  t.end()
})
