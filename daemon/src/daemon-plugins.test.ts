import { chmodSync, cpSync, mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join, resolve } from 'node:path'
import tap, { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place, TestClient, TestDaemon } from './test-daemon.ts'

tap.setTimeout(120_000)
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
