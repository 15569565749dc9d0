import { chmodSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { DaemonMethods } from '@codegen/protocol/local'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place, TestClient, TestDaemon } from './test-daemon.ts'

/** A daemon with plugins of a test, and a client that says yes to every question. */
export type PluginSide = Place & { readonly daemon: TestDaemon; readonly client: TestClient }

/** What a plugin of a test is made of: the code of its module, and what its manifest asks for. */
export type TestPlugin = { readonly code: string; readonly permissions?: object }

/** Starts a daemon with these plugins dropped in and allowed. */
export async function startWithPlugins(
  t: Test,
  plugins: Readonly<Record<string, TestPlugin>>,
  place = newPlace(t),
): Promise<PluginSide> {
  for (const [name, plugin] of Object.entries(plugins)) dropPlugin(place, name, plugin)
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  const side = { ...place, daemon, client: await daemon.client({ answer: 'allow' }) }
  for (const name of Object.keys(plugins)) await allowPlugin(side, name)
  return side
}

/** Drops a plugin of one file of code, or a new version of it, all in one go. */
export function dropPlugin({ home }: Place, name: string, { code, permissions = {} }: TestPlugin): string {
  const [folder, half] = [join(home, 'plugins', name), join(home, `half-${name}`)]
  mkdirSync(join(home, 'plugins'), { recursive: true, mode: 0o700 })
  chmodSync(home, 0o700)
  mkdirSync(half, { mode: 0o700 })
  const codegen = { api: 1, main: './plugin.js', permissions }
  const manifest = { name, version: '1.0.0', type: 'module', codegen }
  writeFileSync(join(half, 'package.json'), JSON.stringify(manifest), { mode: 0o600 })
  writeFileSync(join(half, 'plugin.js'), code, { mode: 0o600 })
  renameSync(half, folder)
  return folder
}

export async function allowPlugin(side: PluginSide, name: string): Promise<ListedPlugin> {
  await until(async () => (await findPlugin(side, name)) !== undefined)
  const { plugin } = await side.client.request('plugins/allow', { name })
  return isLate(plugin) ? untilPlugin(side, name, () => true) : plugin
}

/** Waits until a plugin is so. One that had too little time to start, as on a busy machine, is tried again. */
export async function untilPlugin(
  side: PluginSide,
  name: string,
  isSo: (plugin: ListedPlugin) => boolean,
): Promise<ListedPlugin> {
  let last: ListedPlugin | undefined
  await until(async () => {
    last = await findPlugin(side, name)
    if (last && isLate(last)) await side.client.request('plugins/reload', {})
    return last !== undefined && !isLate(last) && isSo(last)
  })
  if (!last) throw new Error(`There is no plugin ${name}.`)
  return last
}

function isLate({ problem = '' }: ListedPlugin): boolean {
  return problem.includes('it was not ready within')
}

export async function findPlugin({ client }: PluginSide, name: string): Promise<ListedPlugin | undefined> {
  const { plugins } = await client.request('plugins/list', {})
  return plugins.find((plugin) => plugin.name === name)
}

type ListedPlugin = DaemonMethods['plugins/list']['result']['plugins'][number]

let calls = 0

/** Calls a tool as `codegen tools call` does. */
export function callTool(
  { client, project }: PluginSide,
  name: string,
  parameters: Record<string, unknown> = {},
  more: { mode?: 'ask' | 'auto' | 'read-only'; timeout_ms?: number } = {},
) {
  calls += 1
  const wish = { name, parameters, cwd: project, mode: 'auto' as const, client_ref: `c-${calls}`, ...more }
  return client.request('tools/call', wish)
}
