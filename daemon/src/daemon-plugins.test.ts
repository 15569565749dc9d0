import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
} from 'node:fs'
import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import tap, { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place, TestClient, TestDaemon } from './test-daemon.ts'

tap.setTimeout(240_000)
const fixtures = resolve(import.meta.dirname, '../../e2e/fixtures/plugins')

type Side = { daemon: TestDaemon; client: TestClient; maestro: Awaited<ReturnType<typeof startTestMaestro>> }

/** A daemon with these plugins in place, and a client that says yes to every question. */
async function startWith(t: Test, names: readonly string[], place = newPlace(t)): Promise<Side & Place> {
  for (const name of names) drop(place, name)
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  const client = await daemon.client({ answer: 'allow' })
  await until(async () => (await list(client)).length === names.length)
  return { ...place, daemon, client, maestro }
}

/** Copies a fixture as a person would who has it all in one go. */
function drop({ home }: Place, name: string, from = name): string {
  const folder = join(home, 'plugins', name)
  const half = join(home, `half-${name}`)
  mkdirSync(join(home, 'plugins'), { recursive: true, mode: 0o700 })
  chmodSync(home, 0o700)
  cpSync(join(fixtures, from), half, { recursive: true })
  for (const file of ['.', ...readdirSync(half)]) chmodSync(join(half, file), file === '.' ? 0o700 : 0o600)
  renameSync(half, folder)
  return folder
}

/** Drops a plugin of one file of code, all in one go. */
function dropCode({ home }: Place, name: string, code: string, { api = 1 } = {}): string {
  const [folder, half] = [join(home, 'plugins', name), join(home, `half-${name}`)]
  mkdirSync(half, { mode: 0o700 })
  const manifest = { name, version: '1.0.0', type: 'module', codegen: { api, main: './plugin.js' } }
  writeFileSync(join(half, 'package.json'), JSON.stringify(manifest), { mode: 0o600 })
  writeFileSync(join(half, 'plugin.js'), code, { mode: 0o600 })
  renameSync(half, folder)
  return folder
}

/** Ids of the processes of a plugin. */
function processesOf({ home }: Place, name: string): string[] {
  const commandOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
    } catch {
      return ''
    }
  }
  const isOne = (command: string): boolean => command.includes(join(home, 'data', name)) && !isSandbox(command)
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isOne(commandOf(pid)))
}

/** What is around a process repeats its words. */
const isSandbox = (command: string): boolean => /^[^\0]*\/bwrap\0/.test(command)

async function list(client: TestClient) {
  return (await client.request('plugins/list', {})).plugins
}

async function plugin(client: TestClient, name: string) {
  return (await list(client)).find((one) => one.name === name)
}

let calls = 0

function call(side: Side & Place, name: string, parameters: Record<string, unknown> = {}, more = {}) {
  calls += 1
  const wish = { name, parameters, cwd: side.project, mode: 'ask' as const, client_ref: `c-${calls}`, ...more }
  return side.client.request('tools/call', wish)
}

const allow = (side: Side, name: string) => side.client.request('plugins/allow', { name })

test('a plugin is offered once its owner has allowed what it asks for, and called in a process of its own', async (t) => {
  const side = await startWith(t, ['hello'])
  t.match(await plugin(side.client, 'hello'), { state: 'asks', tools: [], permissions: { read: ['workspace'] } })
  await t.rejects(call(side, 'Hello', { name: 'you' }), { code: 'tool.unknown' })
  t.match(await allow(side, 'hello'), { plugin: { state: 'serves', tools: ['Hello', 'HelloLook'] } })
  t.match(await call(side, 'Hello', { name: 'you' }), { status: 'success', result: 'version 1 greets you' })
  await t.rejects(call(side, 'Hello', { name: 7 }), { code: 'tool.bad_arguments', message: /"name" must be string/ })
  const { tools } = await side.client.request('tools/list', {})
  t.match(tools.at(-2), { name: 'Hello', source: 'plugin hello' })
})

test('a plugin gets what its manifest asks for and nothing else', async (t) => {
  const side = await startWith(t, ['hello'])
  await allow(side, 'hello')
  writeFileSync(join(side.project, 'a.txt'), 'one')
  const { structured } = await call(side, 'HelloLook', { file: 'a.txt' })
  t.match(structured, { environment: [], text: 'one', outside: /restricted/, child: /restricted/ })
  t.match(structured, { spawn: /does not ask for.*"exec": true/, fetch: /does not ask for.*"net": \["example.com"\]/ })
})

test('a tool that says it only reads cannot write, is asked for, and forged messages of other calls are ignored (PL-28)', async (t) => {
  const side = await startWith(t, ['liar'])
  await allow(side, 'liar')
  const lied = await call(side, 'Lie')
  t.match(lied, { status: 'success', result: /says of itself that it only reads/ })
  t.equal(existsSync(join(side.project, 'lie.txt')), false)
  t.match(await call(side, 'Honest', { path: 'made.txt' }), { status: 'success', result: 'created' })
  t.match(await call(side, 'Honest', { path: '../out.txt' }), { error: { code: 'file.outside_workspace' } })
  t.match(await call(side, 'Honest', { path: '.git/hooks/pre-commit' }), { error: { code: 'tool.denied' } })
  const refusing = { ...side, client: await side.daemon.client({ answer: 'deny' }) }
  t.match(await call(refusing, 'Lie', {}, { mode: 'read-only' }), { status: 'denied' })
})

test('what throws at import, has a syntax error, never ends or spins when it is loaded is broken, with its line, and others load (PL-01, PL-02, PL-03, PL-04)', async (t) => {
  const side = await startWith(t, ['thrower', 'hello'])
  const bad = {
    syntax: 'const a = 1\nconst b = = 2\n',
    waiter: 'await new Promise(() => setInterval(() => 0, 1000))\n',
    spin: 'for (;;);\n',
  }
  for (const [name, code] of Object.entries(bad)) dropCode(side, name, code)
  await until(async () => (await list(side.client)).length === 5)
  const names = ['thrower', 'syntax', 'waiter', 'spin', 'hello']
  await Promise.all(names.map((name) => allow(side, name)))
  const states = Object.fromEntries(
    (await list(side.client)).map(({ name, state, problem }) => [name, { state, problem }]),
  )
  t.match(states, {
    thrower: { state: 'broken', problem: /plugin\.js:1: Error: no database is near/ },
    syntax: { state: 'broken', problem: /plugin\.js:2: SyntaxError/ },
    waiter: { state: 'broken', problem: /not ready within 5000 ms/ },
    spin: { state: 'broken', problem: /not ready within 5000 ms/ },
    hello: { state: 'serves' },
  })
  t.match(await call(side, 'Hello', { name: 'you' }), { status: 'success' })
  t.strictSame(processesOf(side, 'spin'), [])
})

test('a missing, invalid, too deep, circular or too big schema, a taken name and a newer interface are refused (PL-14, PL-15, PL-30)', async (t) => {
  const side = await startWith(t, [])
  const tool = (schema: string, name = 'T') =>
    `export default { tools: [{ name: '${name}', description: '', parameters: ${schema}, run: () => '' }] }\n`
  const bad: [name: string, code: string, says: RegExp][] = [
    ['none', tool('undefined'), /tools\.0/],
    ['list', tool("{ type: 'array' }"), /"type" is not "object"/],
    ['circle', tool("{ type: 'object', properties: { a: { $ref: '#' } } }"), /"\$ref"/],
    ['remote', tool("{ type: 'object', properties: { a: { $ref: 'http://127.0.0.1/x' } } }"), /"\$ref"/],
    ['big', tool("{ type: 'object', description: 'x'.repeat(5_000_000) }"), /more than 65536 bytes/],
    [
      'deep',
      tool(
        "(() => { let s = { type: 'object' }; for (let i = 0; i < 60; i++) s = { type: 'object', properties: { s } }; return s })()",
      ),
      /nested too deep/,
    ],
    ['taken', tool("{ type: 'object' }", 'Shell'), /Shell is the name of a tool that comes with CodeGen/],
    ['empty', 'export default {}\n', /plugin\.js|tools/],
  ]
  for (const [name, code] of bad) dropCode(side, name, code)
  dropCode(side, 'newer', tool("{ type: 'object' }"), { api: 2 })
  await until(async () => (await list(side.client)).length === bad.length + 1)
  t.match(await plugin(side.client, 'newer'), { state: 'refused', problem: /version 2 .*speaks version 1/ })
  for (const [name, , says] of bad) t.match((await allow(side, name)).plugin, { state: 'broken', problem: says }, name)
})

test('a changed plugin ends its running call on the old version and the next one uses the new one (PL-17)', async (t) => {
  const side = await startWith(t, ['hello'])
  await allow(side, 'hello')
  const running = call(side, 'Hello', { name: 'you', waits: true }, { mode: 'auto' })
  await until(() => side.daemon.log().includes('greeting you'))
  const file = join(side.home, 'plugins/hello/plugin.js')
  const first = readFileSync(file, 'utf8')
  writeFileSync(file, first.replace('version 1', 'version 2'))
  await until(async () => /version 2/.test(String((await call(side, 'Hello', { name: 'you' })).result)))
  writeFileSync(join(side.project, 'go'), '')
  t.match(await running, { status: 'success', result: 'version 1 greets you' })
  await until(() => processesOf(side, 'hello').length === 1)
})

test('a broken new version leaves the last good one serving and says so with the line', async (t) => {
  const side = await startWith(t, ['hello'])
  await allow(side, 'hello')
  const file = join(side.home, 'plugins/hello/plugin.js')
  const first = readFileSync(file, 'utf8')
  writeFileSync(file, `const ok = 1\n${first} }\n`)
  await until(async () => (await plugin(side.client, 'hello'))?.state === 'broken')
  t.match(await plugin(side.client, 'hello'), {
    tools: ['Hello', 'HelloLook'],
    problem: /^plugin\.js:\d+: SyntaxError/,
  })
  t.match(await call(side, 'Hello', { name: 'you' }), { status: 'success', result: 'version 1 greets you' })
  writeFileSync(file, first.replace('version 1', 'version 3'))
  await until(async () => (await plugin(side.client, 'hello'))?.state === 'serves')
  t.match(await call(side, 'Hello', { name: 'you' }), { result: 'version 3 greets you' })
  rmSync(join(side.home, 'plugins/hello'), { recursive: true })
  await until(async () => (await list(side.client)).length === 0)
  await t.rejects(call(side, 'Hello', { name: 'you' }), { code: 'tool.unknown' })
})

test('a plugin that exits costs its call a typed error, is off after three crashes and back with the next change', async (t) => {
  const side = await startWith(t, ['exiter', 'hello'])
  await Promise.all([allow(side, 'exiter'), allow(side, 'hello')])
  const failed = { status: 'error', error: { code: 'tool.failed', message: /ended \(exit code 3\)/ } }
  t.match(await call(side, 'Leave'), failed)
  t.match(await call(side, 'Stay'), { status: 'success', result: 'stayed' })
  t.match(await call(side, 'Leave'), failed)
  t.match(await call(side, 'Leave'), failed)
  await until(async () => (await plugin(side.client, 'exiter'))?.state === 'off')
  t.match(await plugin(side.client, 'exiter'), { tools: [], problem: /crashed 3 times/ })
  t.match(await call(side, 'Hello', { name: 'you' }), { status: 'success' })
  appendFileSync(join(side.home, 'plugins/exiter/plugin.js'), '// mended\n')
  await until(async () => (await plugin(side.client, 'exiter'))?.state === 'serves')
  t.match(await call(side, 'Stay'), { status: 'success' })
})

test('a call that spins is ended with its process when its time is up', async (t) => {
  const side = await startWith(t, ['spinner'])
  await allow(side, 'spinner')
  t.match(await call(side, 'Spin', {}, { timeout_ms: 300 }), { status: 'timeout', error: { code: 'tool.timeout' } })
  await until(() => processesOf(side, 'spinner').length === 0)
  t.match(await side.client.request('daemon/status', {}), { calls_open: 0 })
})

test('what others can write to, and what leads out of the folder, is refused with the reason (PL-22, PL-23)', async (t) => {
  const side = await startWith(t, ['hello', 'exiter'])
  await Promise.all([allow(side, 'hello'), allow(side, 'exiter')])
  const folder = (name: string): string => join(side.home, 'plugins', name)
  chmodSync(join(folder('hello'), 'plugin.js'), 0o666)
  symlinkSync('/etc/hostname', join(folder('exiter'), 'name'))
  symlinkSync(side.project, folder('linked'))
  await until(async () => (await list(side.client)).filter(({ state }) => state === 'refused').length === 3)
  t.match(await plugin(side.client, 'hello'), { tools: [], problem: /plugin\.js can be written by others/ })
  t.match(await plugin(side.client, 'exiter'), { tools: [], problem: /name is a link that leads out of the folder/ })
  t.match(await plugin(side.client, 'linked'), { tools: [], problem: /is a link that leads out of the folder/ })
  chmodSync(join(folder('hello'), 'plugin.js'), 0o600)
  await until(async () => (await plugin(side.client, 'hello'))?.state === 'serves')
  chmodSync(join(side.home, 'plugins'), 0o777)
  await until(async () => (await plugin(side.client, 'hello'))?.state === 'refused')
  t.match(await plugin(side.client, 'hello'), { tools: [], problem: /plugins can be written by others/ })
})

test('a folder that is copied slowly is loaded once, when it is whole (PL-19)', async (t) => {
  const side = await startWith(t, ['hello'])
  await allow(side, 'hello')
  const text = readFileSync(join(side.home, 'plugins/hello/plugin.js'), 'utf8').replace('version 1', 'version 9')
  const file = join(side.home, 'plugins/hello/plugin.js')
  writeFileSync(file, '')
  const step = Math.ceil(text.length / 10)
  for (let at = 0; at < text.length; at += step) {
    appendFileSync(file, text.slice(at, at + step))
    await delay(20)
  }
  await until(async () => /version 9/.test(String((await call(side, 'Hello', { name: 'you' })).result)))
  t.notMatch(side.daemon.log(), /a plugin was not loaded/)
  t.equal(side.daemon.log().match(/a plugin serves/g)?.length, 2)
})

test('a plugin that floods codegend waits on its pipe, and others are served meanwhile (PL-27)', async (t) => {
  const side = await startWith(t, ['hello'])
  await allow(side, 'hello')
  dropCode(side, 'flooder', flooder)
  await until(async () => (await plugin(side.client, 'flooder')) !== undefined)
  await allow(side, 'flooder')
  const flood = call(side, 'Flood')
  await until(() => side.daemon.log().includes('flooding'))
  t.match(await call(side, 'Hello', { name: 'you' }), { status: 'success' })
  t.match(await flood, { status: 'success', result: 'flooded' })
})

const flooder = `
import { writeSync } from 'node:fs'
const news = (method, params) => JSON.stringify({ jsonrpc: '2.0', method, params }) + '\\n'
const flood = {
  name: 'Flood', description: '', parameters: { type: 'object' },
  async run(_parameters, context) {
    context.log.info('flooding')
    await new Promise((resolve) => setTimeout(resolve, 20))
    const lines = news('output', { call_id: 'another', chunk: 'x', stream: 'stdout' }).repeat(1_000)
    for (let sent = 0; sent < 1_000; sent++) await new Promise((resolve) => write(lines, resolve))
    return 'flooded'
  },
}
const write = (text, done) => {
  try {
    text = text.slice(writeSync(1, text))
  } catch (error) {
    if (error.code !== 'EAGAIN') throw error
  }
  if (text) setTimeout(write, 1, text, done)
  else done()
}
export default { tools: [flood] }
`

test('definitions are known at the next start without a process, and the handshake has them', async (t) => {
  const place = newPlace(t)
  const side = await startWith(t, ['hello'], place)
  await side.maestro.next()
  await allow(side, 'hello')
  await side.daemon.daemon.stop('the next one starts')
  const maestro = await startTestMaestro(t)
  const again = await startTestDaemon(t, maestro.url, place)
  const { handshake } = await maestro.next()
  t.match(
    handshake.custom_tools.map(({ name }) => name),
    ['Hello', 'HelloLook'],
  )
  t.strictSame(processesOf(place, 'hello'), [])
  const client = await again.client({ answer: 'allow' })
  t.match(await call({ ...side, client }, 'Hello', { name: 'you' }), { status: 'success' })
  await client.request('plugins/disable', { name: 'hello' })
  await t.rejects(call({ ...side, client }, 'Hello', { name: 'you' }), { code: 'tool.unknown' })
  t.match(await client.request('plugins/enable', { name: 'hello' }), { plugin: { state: 'serves' } })
  await t.rejects(client.request('plugins/allow', { name: 'nobody' }), { code: 'plugin.unknown' })
  t.match(await client.request('plugins/reload', {}), { plugins: [{ state: 'serves' }] })
})

test('the last good version serves on after a restart, too, while the folder is broken or asks for more', async (t) => {
  const place = newPlace(t)
  const side = await startWith(t, ['hello'], place)
  await allow(side, 'hello')
  const [file, manifest] = ['plugin.js', 'package.json'].map((name) => join(side.home, 'plugins/hello', name))
  const [code, asked] = [readFileSync(file ?? '', 'utf8'), readFileSync(manifest ?? '', 'utf8')]
  const restart = async () => {
    await side.daemon.daemon.stop('the next one starts')
    side.daemon = await startTestDaemon(t, side.maestro.url, place)
    side.client = await side.daemon.client({ answer: 'allow' })
    await until(async () => (await list(side.client)).length === 1)
  }
  writeFileSync(file ?? '', `${code} }\n`)
  await until(async () => (await plugin(side.client, 'hello'))?.state === 'broken')
  await restart()
  await until(async () => (await plugin(side.client, 'hello'))?.tools.length === 2)
  t.match(await plugin(side.client, 'hello'), { state: 'broken', problem: /SyntaxError/ })
  t.match(await call(side, 'Hello', { name: 'you' }), { status: 'success', result: 'version 1 greets you' })

  writeFileSync(file ?? '', code.replace('version 1', 'version 2'))
  writeFileSync(manifest ?? '', asked.replace('"permissions": {', '"permissions": { "exec": true,'))
  await until(async () => (await plugin(side.client, 'hello'))?.state === 'asks')
  await restart()
  await until(async () => (await plugin(side.client, 'hello'))?.tools.length === 2)
  t.match(await plugin(side.client, 'hello'), { state: 'asks', permissions: { exec: true } })
  t.match(await call(side, 'Hello', { name: 'you' }), { result: 'version 1 greets you' })
  t.match((await allow(side, 'hello')).plugin, { state: 'serves' })
  t.match(await call(side, 'Hello', { name: 'you' }), { result: 'version 2 greets you' })
})

test('a good plugin that was late, as on a busy machine, is tried again although nothing of it changed', async (t) => {
  const side = await startWith(t, [])
  const busy = join(side.home, 'data', 'late', 'busy')
  mkdirSync(join(side.home, 'data', 'late'), { recursive: true })
  writeFileSync(busy, '')
  dropCode(side, 'late', lateWhile(busy))
  await until(async () => (await plugin(side.client, 'late')) !== undefined)
  t.match((await allow(side, 'late')).plugin, { state: 'broken', problem: /not ready within 5000 ms/ })
  rmSync(busy)
  await until(async () => (await plugin(side.client, 'late'))?.state === 'serves')
  t.match(await call(side, 'Late'), { status: 'success', result: 'better late' })
})

const lateWhile = (file: string): string => `
import { existsSync } from 'node:fs'
while (existsSync(${JSON.stringify(file)})) await new Promise((resolve) => setTimeout(resolve, 20))
export default {
  tools: [{ name: 'Late', description: '', parameters: { type: 'object' }, run: () => 'better late' }],
}
`

test("a project's own plugins are offered in it alone, once its owner trusts the project and allows each of them", async (t) => {
  const side = await startWith(t, ['exiter'])
  await side.maestro.next()
  const plugins = join(side.project, '.codegen', 'plugins')
  mkdirSync(join(side.project, 'below'))
  mkdirSync(plugins, { recursive: true, mode: 0o700 })
  cpSync(join(fixtures, 'hello'), join(plugins, 'hello'), { recursive: true })
  execFileSync('chmod', ['-R', 'go-w', join(side.project, '.codegen')])
  const cwd = join(side.project, 'below')
  const names = async (where: string): Promise<string[]> =>
    (await side.client.request('tools/list', { cwd: where })).tools.map(({ name }) => name)

  t.match(await side.client.request('plugins/list', { cwd }), {
    plugins: [{ name: 'exiter' }],
    untrusted: side.project,
  })
  t.equal((await side.client.request('plugins/list', { cwd: side.home })).untrusted, undefined)
  await t.rejects(side.client.request('plugins/trust', { cwd: side.home }), { code: 'plugin.unknown' })
  await t.rejects(side.client.request('plugins/untrust', { cwd }), { code: 'plugin.unknown' })

  const trusted = await side.client.request('plugins/trust', { cwd })
  t.match(trusted, { project: side.project, plugins: [{ name: 'hello', state: 'asks', project: side.project }] })
  t.notOk((await names(cwd)).includes('Hello'), 'trust alone offers nothing')
  await t.rejects(
    side.client.request('plugins/allow', { name: 'hello' }),
    { code: 'plugin.unknown' },
    'it is not everybody’s',
  )
  t.match(await side.client.request('plugins/allow', { name: 'hello', cwd }), { plugin: { state: 'serves' } })
  t.ok((await names(cwd)).includes('Hello'))
  t.notOk((await names(side.home)).includes('Hello'))
  t.match(await call(side, 'Hello', { name: 'you' }, { cwd }), { result: 'version 1 greets you' })
  await t.rejects(call(side, 'Hello', { name: 'you' }, { cwd: side.home }), { code: 'tool.unknown' })

  // The owner's own plugin of that name is another, with a yes of its own, and its tools may not be there twice.
  drop(side, 'hello')
  await until(async () => (await list(side.client)).length === 3)
  const own = (await list(side.client)).find(({ name, project }) => name === 'hello' && project === undefined)
  t.equal(own?.state, 'asks')
  t.match((await allow(side, 'hello')).plugin, { state: 'broken', problem: /has a plugin of this name/ })

  t.match(await side.client.request('plugins/untrust', { cwd }), { project: side.project })
  await t.rejects(call(side, 'Hello', { name: 'you' }, { cwd }), { code: 'tool.unknown' })
})

test('Maestro is told for which folder a tool is', async (t) => {
  const side = await startWith(t, [])
  const executor = await side.maestro.next()
  executor.welcome({ features: ['tools_changed'] })
  const plugins = join(side.project, '.codegen', 'plugins')
  mkdirSync(plugins, { recursive: true, mode: 0o700 })
  cpSync(join(fixtures, 'hello'), join(plugins, 'hello'), { recursive: true })
  execFileSync('chmod', ['-R', 'go-w', join(side.project, '.codegen')])
  await side.client.request('plugins/trust', { cwd: side.project })
  await side.client.request('plugins/allow', { name: 'hello', cwd: side.project })
  const { payload } = await executor.receive('tools_changed')
  t.match(payload.custom_tools, [
    { name: 'Hello', root: side.project },
    { name: 'HelloLook', root: side.project },
  ])
})
