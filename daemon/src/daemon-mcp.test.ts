import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import tap, { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place, TestClient, TestDaemon } from './test-daemon.ts'

tap.setTimeout(120_000)
const fixture = resolve(import.meta.dirname, '../../e2e/fixtures/mcp/server.mjs')

type Side = Place & { daemon: TestDaemon; client: TestClient; maestro: Awaited<ReturnType<typeof startTestMaestro>> }

/** A daemon and a client that answers every question like this. */
async function startWith(t: Test, { answer = 'allow', place = newPlace(t) } = {}): Promise<Side> {
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  return { ...place, daemon, client: await daemon.client({ answer }), maestro }
}

const stdio = (...words: string[]) => ({ command: process.execPath, args: [fixture, ...words] })

/** Drops a file that names servers, all in one go. */
function drop({ home }: Place, name: string, mcpServers: Record<string, unknown> | string): void {
  mkdirSync(join(home, 'plugins'), { recursive: true, mode: 0o700 })
  const text = typeof mcpServers === 'string' ? mcpServers : JSON.stringify({ mcpServers })
  writeFileSync(join(home, `half-${name}`), text, { mode: 0o600 })
  renameSync(join(home, `half-${name}`), join(home, 'plugins', `${name}.mcp.json`))
}

async function plugin({ client }: Side, name: string) {
  return (await client.request('plugins/list', {})).plugins.find((one) => one.name === name)
}

/** Says yes once the plugin is there. */
async function allow(side: Side, name: string) {
  await until(async () => (await plugin(side, name)) !== undefined)
  return (await side.client.request('plugins/allow', { name })).plugin
}

let calls = 0

function call(side: Side, name: string, parameters: Record<string, unknown> = {}, more = {}) {
  calls += 1
  const wish = { name, parameters, cwd: side.project, mode: 'ask' as const, client_ref: `m-${calls}`, ...more }
  return side.client.request('tools/call', wish)
}

/** Processes of the fixture that were started with this word. */
function processesOf(word: string): string[] {
  const commandOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
    } catch {
      return ''
    }
  }
  const isServer = (command: string): boolean => command.includes(fixture) && command.includes(word)
  return readdirSync('/proc').filter((pid) => /^\d+$/.test(pid) && isServer(commandOf(pid)))
}

test('each server of a file is a plugin that is started after its owner’s yes to its command line', async (t) => {
  const side = await startWith(t)
  drop(side, 'two', { one: { ...stdio('good', 'one'), env: { KEY: 'a secret' } }, two: stdio('good', 'two'), bad: {} })
  await until(async () => (await side.client.request('plugins/list', {})).plugins.length === 3)
  const asked = await plugin(side, 'one')
  t.match(asked, {
    state: 'asks',
    tools: [],
    server: { command: `${process.execPath} ${fixture} good one`, env: ['KEY'] },
  })
  t.notMatch(JSON.stringify(asked), /a secret/)
  t.match(await plugin(side, 'bad'), { state: 'broken', problem: /must have "command" or "url"/ })
  t.strictSame(processesOf('one'), [])
  t.match(await allow(side, 'one'), { state: 'serves', tools: ['one_greet', 'one_crash'] })
  t.match(await call(side, 'one_greet', { who: 'Ada' }), { status: 'success', result: 'one greets Ada' })
  t.match(await call(side, 'one_fail'), { status: 'error', result: 'it did not work' })
  t.match(await plugin(side, 'two'), { state: 'asks' })
  const { tools } = await side.client.request('tools/list', {})
  t.match(
    tools.find(({ name }) => name === 'one_greet'),
    { source: 'plugin one', parameters: { type: 'object' } },
  )
})

test('a server of several in one file is not removed with the others, and what one prints is in its log', async (t) => {
  const side = await startWith(t)
  drop(side, 'two', { one: stdio('good', 'one'), two: stdio('good', 'two') })
  await allow(side, 'one')
  await t.rejects(side.client.request('plugins/remove', { name: 'one', with_data: false }), {
    code: 'plugin.refused',
    message: /two\.mcp\.json brings two as well; take one out of it there/,
  })
  await t.resolves(call(side, 'one_crash').catch(() => undefined))
  const lines = async () => (await side.client.request('plugins/logs', { name: 'one', lines: 10 })).lines
  await until(async () => (await lines()).length > 0)
  t.match(await lines(), [{ plugin: 'one', source: 'stderr' }])
  drop(side, 'two', { one: stdio('good', 'one') })
  await until(async () => (await side.client.request('plugins/list', {})).plugins.length === 1)
  t.match(await side.client.request('plugins/remove', { name: 'one', with_data: false }), { folder: /two\.mcp\.json/ })
})

test('a changed entry is another question; a broken file leaves the last good server serving; one that is gone goes', async (t) => {
  const side = await startWith(t)
  drop(side, 'it', { it: stdio('good', 'first') })
  await allow(side, 'it')
  drop(side, 'it', { it: stdio('good', 'second') })
  await until(async () => (await plugin(side, 'it'))?.state === 'asks')
  t.match(await call(side, 'it_greet'), { result: 'first greets nobody' })
  t.match(await allow(side, 'it'), { state: 'serves' })
  t.match(await call(side, 'it_greet'), { result: 'second greets nobody' })
  await until(() => processesOf('first').length === 0)
  drop(side, 'it', '{ "mcpServers": ')
  await until(async () => (await plugin(side, 'it'))?.state === 'broken')
  t.match(await plugin(side, 'it'), { problem: /it\.mcp\.json cannot be read/, tools: ['it_greet'] })
  t.match(await call(side, 'it_greet'), { result: 'second greets nobody' })
  drop(side, 'it', { other: stdio('good', 'third') })
  await until(async () => (await plugin(side, 'it')) === undefined)
  await t.rejects(call(side, 'it_greet'), { code: 'tool.unknown' })
  await until(() => processesOf('second').length === 0)
})

test('a server is known at the next start without a process, told of when its tools change, and off after three crashes', async (t) => {
  const place = newPlace(t)
  const side = await startWith(t, { place })
  drop(side, 'it', { it: stdio('good', 'lasting') })
  await allow(side, 'it')
  await side.daemon.daemon.stop('the next one starts')
  await until(() => processesOf('lasting').length === 0)
  const again = await startWith(t, { place })
  const { handshake } = await again.maestro.next()
  t.match(handshake.custom_tools[0], { name: 'it_ask' })
  t.strictSame(processesOf('lasting'), [])
  t.match(await call(again, 'it_grow'), { status: 'success' })
  await until(async () => (await plugin(again, 'it'))?.tools.includes('it_grown') ?? false)
  t.match(await call(again, 'it_grown'), { result: 'new' })
  for (let crash = 0; crash < 3; crash++) {
    t.match(await call(again, 'it_crash'), { status: 'error', error: { message: /ended \(exit code 3\)/ } })
  }
  await until(async () => (await plugin(again, 'it'))?.state === 'off')
  t.match((await again.client.request('plugins/reload', {})).plugins, [{ state: 'serves' }])
  t.match(await call(again, 'it_greet'), { status: 'success' })
})

test('what a server says of itself opens nothing: it is asked about in every mode', async (t) => {
  const side = await startWith(t, { answer: 'deny' })
  drop(side, 'it', { it: stdio('good') })
  t.match(await allow(side, 'it'), { state: 'serves' })
  for (const mode of ['ask', 'auto', 'read-only'] as const) {
    t.match(await call(side, 'it_greet', {}, { mode }), { status: 'denied', error: { code: 'tool.denied' } }, mode)
  }
  t.match(await call(side, 'it_fail', {}, { mode: 'read-only' }), {
    status: 'denied',
    error: { message: /may only read/ },
  })
})

test('a folder of another client is a plugin with all it brings, and other content is another question', async (t) => {
  const side = await startWith(t)
  const [folder, half] = [join(side.home, 'plugins', 'brought'), join(side.home, 'half')]
  mkdirSync(half, { mode: 0o700 })
  const write = (name: string, text: string, to = half) => writeFileSync(join(to, name), text, { mode: 0o600 })
  const schemas = 'https://agent-plugins.org/schemas/1.0.0'
  write('plugin.json', JSON.stringify({ $schema: `${schemas}/plugin.schema.json`, name: 'brought', version: '2.0.0' }))
  const entry = { type: 'stdio', command: process.execPath, args: ['${PLUGIN_ROOT}/server.mjs', 'good', '${HOME}'] }
  write('mcp.json', JSON.stringify({ $schema: `${schemas}/mcp.schema.json`, mcpServers: { tools: entry } }))
  write('server.mjs', readFileSync(fixture, 'utf8'))
  renameSync(half, folder)
  t.match(await allow(side, 'tools'), { state: 'serves', version: '2.0.0' })
  t.match(await call(side, 'tools_greet'), { result: '${HOME} greets nobody' }, 'nothing but its own folders is put in')
  const { structured } = await call(side, 'tools_env')
  t.match(structured, { env: { PLUGIN_ROOT: /cache\/plugins/, PLUGIN_DATA: join(side.home, 'data', 'tools') } })
  write('server.mjs', `${readFileSync(fixture, 'utf8')}\n// other content\n`, folder)
  await until(async () => (await plugin(side, 'tools'))?.state === 'asks')
  t.match(await call(side, 'tools_greet'), { status: 'success' }, 'the last good one serves on')
})
