import { appendFileSync, chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import tap, { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place, TestClient, TestDaemon } from './test-daemon.ts'

tap.setTimeout(120_000)
const hello = resolve(import.meta.dirname, '../../e2e/fixtures/plugins/hello')

type Side = Place & { readonly daemon: TestDaemon; readonly client: TestClient; readonly folder: string }

/** A daemon, a client that says yes to every question, and an author's folder somewhere else. */
async function startSide(t: Test): Promise<Side> {
  const place = newPlace(t)
  const folder = join(place.project, '..', 'author')
  copyHello(folder)
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  return { ...place, daemon, client: await daemon.client({ answer: 'allow' }), folder }
}

function copyHello(to: string): void {
  cpSync(hello, to, { recursive: true })
  for (const file of ['.', ...readdirSync(to)]) chmodSync(join(to, file), file === '.' ? 0o700 : 0o600)
}

async function install({ home, client }: Side): Promise<void> {
  copyHello(join(home, 'half'))
  renameSync(join(home, 'half'), join(home, 'plugins', 'hello'))
  await until(async () => (await find(client))?.state === 'asks')
  await client.request('plugins/allow', { name: 'hello' })
}

async function find(client: TestClient) {
  return (await client.request('plugins/list', {})).plugins.find(({ name }) => name === 'hello')
}

async function develop(client: TestClient, folder: string) {
  const { plugin } = await client.request('plugins/dev', { folder })
  return client.request('plugins/dev-allow', { permissions: plugin.permissions })
}

let calls = 0

function call(side: Side, client = side.client, name = 'Hello', parameters: Record<string, unknown> = { name: 'you' }) {
  calls += 1
  const wish = { name, parameters, cwd: side.project, mode: 'auto' as const, client_ref: `c-${calls}` }
  return client.request('tools/call', wish)
}

const edit = (file: string, from: string, to: string): void =>
  writeFileSync(file, readFileSync(file, 'utf8').replace(from, to))

/** What the client was told of the plugin it develops, newest first. */
function newsOf(client: TestClient): Record<string, unknown>[] {
  const told = client.told.filter(({ method }) => method === 'plugins/dev-news')
  return told.map(({ parameters }) => parameters['news'] as Record<string, unknown>).toReversed()
}

const hasNews = (client: TestClient, wanted: RegExp): Promise<void> =>
  until(() => newsOf(client).some((news) => wanted.test(JSON.stringify(news))))

test('a plugin is served from its author folder after his yes, each save is a version, and he is told of each call', async (t) => {
  const side = await startSide(t)
  const { client, folder } = side
  const { plugin } = await client.request('plugins/dev', { folder })
  t.match(plugin, { name: 'hello', state: 'asks', dev: true, permissions: { read: ['workspace'] }, tools: [] })
  await t.rejects(call(side), { code: 'tool.unknown' })
  t.match(await client.request('plugins/dev-allow', { permissions: plugin.permissions }), {
    plugin: { state: 'serves' },
  })
  t.match(await call(side), { status: 'success', result: 'version 1 greets you' })
  await hasNews(client, /"kind":"result"/)
  const [result, output, called, version] = newsOf(client)
  t.match(version, { kind: 'version', plugin: { state: 'serves', tools: ['Hello', 'HelloLook'] } })
  t.match(called, { kind: 'call', tool: 'Hello', parameters: '{"name":"you"}' })
  t.match(output, { kind: 'output', chunk: 'greeting you\n', tool_id: called?.['tool_id'] })
  t.match(result, { kind: 'result', status: 'success', text: 'version 1 greets you', tool_id: called?.['tool_id'] })
  await until(() =>
    client.told.some(
      ({ method, parameters }) => method === 'plugins/log-line' && parameters['text'] === 'greeting you',
    ),
  )

  edit(join(folder, 'plugin.js'), 'version 1', 'version 2')
  await until(async () => /version 2/.test(String((await call(side)).result)))
  appendFileSync(join(folder, 'plugin.js'), '}\n')
  await hasNews(client, /"state":"broken"/)
  t.match(newsOf(client)[0], { plugin: { problem: /^plugin\.js:\d+: SyntaxError/, tools: ['Hello', 'HelloLook'] } })
  t.match(await call(side), { result: 'version 2 greets you' })
})

test('what asks for something else waits for another yes, and the version before serves on', async (t) => {
  const side = await startSide(t)
  const { client, folder } = side
  await develop(client, folder)
  edit(join(folder, 'plugin.js'), 'version 1', 'version 2')
  edit(join(folder, 'package.json'), '"permissions": {', '"permissions": { "exec": true,')
  await hasNews(client, /"state":"asks".*"exec":true/)
  t.match(await call(side), { result: 'version 1 greets you' })
  const { permissions } = (await find(client)) ?? {}
  t.match(permissions, { exec: true })
  if (permissions) await client.request('plugins/dev-allow', { permissions })
  t.match(await call(side), { result: 'version 2 greets you' })
})

test('it goes when its client goes, nothing of the yes is remembered, and no second terminal gets the same folder', async (t) => {
  const side = await startSide(t)
  const author = await side.daemon.client()
  await develop(author, side.folder)
  t.match(await call(side), { status: 'success' })
  await t.rejects(side.client.request('plugins/dev', { folder: side.folder }), {
    code: 'plugin.refused',
    message: /in another terminal already/,
  })
  await t.rejects(author.request('plugins/dev', { folder: hello }), { code: 'request.invalid' })
  await t.rejects(
    side.client.request('plugins/dev-allow', {
      permissions: { read: [], write: [], exec: true, net: [], env: [], hooks: { before: [], after: [] } },
    }),
    {
      code: 'request.invalid',
    },
  )
  author.close()
  await until(async () => (await find(side.client)) === undefined)
  await t.rejects(call(side), { code: 'tool.unknown' })
  t.match(await side.client.request('plugins/dev', { folder: side.folder }), { plugin: { state: 'asks', tools: [] } })
  t.equal(existsSync(join(side.home, 'plugins.json')), false)
})

test('it stands for an installed plugin of its name, which is back when it goes', async (t) => {
  const side = await startSide(t)
  await install(side)
  await t.rejects(side.client.request('plugins/dev', { folder: join(side.home, 'plugins', 'hello') }), {
    message: /is installed: it is served already/,
  })
  edit(join(side.folder, 'plugin.js'), 'version 1', 'version 7')
  const author = await side.daemon.client()
  await develop(author, side.folder)
  t.match(await call(side), { result: 'version 7 greets you' })
  const { plugins } = await side.client.request('plugins/list', {})
  t.match(plugins, [{ name: 'hello', dev: true, folder: side.folder }])
  const { tools } = await side.client.request('tools/list', {})
  t.equal(tools.filter(({ name }) => name === 'Hello').length, 1)
  author.close()
  await until(async () => /version 1/.test(String((await call(side)).result)))
})

test('a folder that is none, no plugin, or gone is told so, and a mended one is taken up', async (t) => {
  const side = await startSide(t)
  await t.rejects(side.client.request('plugins/dev', { folder: join(side.folder, 'nothing') }), {
    message: /There is no folder/,
  })
  const manifest = readFileSync(join(side.folder, 'package.json'), 'utf8')
  writeFileSync(join(side.folder, 'package.json'), '{')
  const { plugin } = await side.client.request('plugins/dev', { folder: side.folder })
  t.match(plugin, { state: 'refused', problem: /package\.json cannot be read/ })
  writeFileSync(join(side.folder, 'package.json'), manifest)
  await hasNews(side.client, /"state":"asks"/)
  rmSync(side.folder, { recursive: true })
  await hasNews(side.client, /is gone/)
})

test('a folder is checked without running any of it', async (t) => {
  const side = await startSide(t)
  const check = (folder: string) => side.client.request('plugins/check', { folder })
  const first = await check(side.folder)
  t.match(first, { name: 'hello', version: '1.0.0', permissions: { read: ['workspace'] }, digest: /^[0-9a-f]{32}$/ })
  mkdirSync(join(side.folder, '.git'))
  writeFileSync(join(side.folder, '.git', 'HEAD'), 'x')
  t.equal((await check(side.folder)).digest, first.digest, 'its history is no part of it')
  edit(join(side.folder, 'plugin.js'), 'version 1', 'version 2')
  t.not((await check(side.folder)).digest, first.digest)
  rmSync(join(side.folder, 'plugin.js'))
  await t.rejects(check(side.folder), { code: 'plugin.refused', message: /has no plugin\.js/ })
  await t.rejects(check(side.project), { code: 'plugin.refused', message: /no package\.json with a "codegen" field/ })
})

test('what a plugin prints and logs is kept for its owner alone, within bounds, and followed without a loss', async (t) => {
  const side = await startSide(t)
  await install(side)
  edit(
    join(side.home, 'plugins/hello/plugin.js'),
    'context.output(',
    'console.error(`one ${name}\\ntwo`); context.output(',
  )
  await until(async () => {
    await call(side)
    return (await side.client.request('plugins/logs', { name: 'hello' })).lines.some(({ text }) => text === 'one you')
  })
  const follower = await side.daemon.client()
  const { lines } = await follower.request('plugins/logs', { name: 'hello', lines: 3, follow: true })
  t.equal(lines.length, 3)
  t.match(lines, [{ plugin: 'hello', time: /^2/ }, {}, {}])
  t.equal(statSync(join(side.home, 'log/plugins/hello.log')).mode & 0o777, 0o600)
  await call(side, side.client, 'Hello', { name: 'Eve' })
  const followed = (): unknown[] =>
    follower.told.filter(({ method }) => method === 'plugins/log-line').map(({ parameters }) => parameters)
  await until(() => followed().length >= 3)
  const texts = followed().map((line) => `${(line as { source: string }).source} ${(line as { text: string }).text}`)
  t.same(texts.toSorted(), ['info greeting Eve', 'stderr one Eve', 'stderr two'])
  await t.rejects(side.client.request('plugins/logs', { name: 'nobody' }), { code: 'plugin.unknown' })
})

test('a plugin that floods its log is cut there, and codegend serves others meanwhile', async (t) => {
  const side = await startSide(t)
  await install(side)
  const flood = 'for (let n = 0; n < 200_000; n++) process.stderr.write(`${n} ${"x".repeat(100)}\\n`); context.output('
  edit(join(side.home, 'plugins/hello/plugin.js'), 'context.output(', flood)
  await until(async () => {
    const { result } = await call(side)
    await side.client.request('tools/list', {})
    return (
      String(result).includes('greets') && readFileSync(join(side.home, 'log/plugins/hello.log'), 'utf8').length > 1_000
    )
  })
  const folder = join(side.home, 'log/plugins')
  const bytes = readdirSync(folder).reduce((sum, file) => sum + statSync(join(folder, file)).size, 0)
  t.ok(bytes < 2.5 * 1024 * 1024, `${bytes} bytes`)
})

test('a plugin that is removed leaves no yes and no log, and its data only where its owner wants that', async (t) => {
  const side = await startSide(t)
  await install(side)
  await call(side)
  writeFileSync(join(side.home, 'data/hello/kept'), 'x')
  await side.client.request('plugins/remove', { name: 'hello', with_data: false })
  t.same(await find(side.client), undefined)
  t.equal(existsSync(join(side.home, 'plugins/hello')), false)
  t.equal(existsSync(join(side.home, 'log/plugins/hello.log')), false)
  t.equal(existsSync(join(side.home, 'data/hello/kept')), true)
  copyHello(join(side.home, 'half'))
  renameSync(join(side.home, 'half'), join(side.home, 'plugins', 'hello'))
  await until(async () => (await find(side.client))?.state === 'asks')
  t.match(await side.client.request('plugins/remove', { name: 'hello', with_data: true }), {
    data_folder: /data\/hello$/,
  })
  t.equal(existsSync(join(side.home, 'data/hello')), false)
  await t.rejects(side.client.request('plugins/remove', { name: 'hello', with_data: true }), { code: 'plugin.unknown' })
})
