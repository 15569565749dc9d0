import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { findProgram } from '#sandbox/find-program'
import { findMeans } from '#sandbox/means'
import { newPlace, startTestDaemon, until } from './test-daemon.ts'
import type { Place, TestClient, TestDaemon } from './test-daemon.ts'

/** A plugin of a test: the words of its manifest, and its files by name. */
export type TestPlugin = { readonly codegen: object; readonly files: Readonly<Record<string, string>> }

export type PluginSide = Place & { readonly daemon: TestDaemon; readonly client: TestClient }

/** A daemon that knows these plugins, which wait to be allowed, and a client that says yes to every question. */
export async function startWithPlugins(
  t: Test,
  plugins: Readonly<Record<string, TestPlugin>>,
  place = newPlace(t),
): Promise<PluginSide> {
  for (const [name, plugin] of Object.entries(plugins)) dropPlugin(place, name, plugin)
  const maestro = await startTestMaestro(t)
  const daemon = await startTestDaemon(t, maestro.url, place)
  const client = await daemon.client({ answer: 'allow' })
  await until(async () => (await listPlugins(client)).length === Object.keys(plugins).length)
  return { ...place, daemon, client }
}

/** Puts a plugin into its place all in one go. */
export function dropPlugin({ home }: Place, name: string, { codegen, files }: TestPlugin): void {
  const manifest = { name, version: '1.0.0', type: 'module', codegen: { api: 1, ...codegen } }
  mkdirSync(join(home, 'plugins'), { recursive: true, mode: 0o700 })
  const half = mkdtempSync(join(home, 'half-'))
  for (const [file, text] of Object.entries({ 'package.json': JSON.stringify(manifest), ...files })) {
    mkdirSync(dirname(join(half, file)), { recursive: true, mode: 0o700 })
    writeFileSync(join(half, file), text, { mode: 0o600 })
  }
  renameSync(half, join(home, 'plugins', name))
}

/** A module with one tool, whose `run(parameters, context)` has this body. */
export function oneTool(name: string, body: string, permissions: object = {}): TestPlugin {
  const tool = `{ name: '${name}', description: '', parameters: { type: 'object' }, async run(parameters, context) {\n${body}\n} }`
  const files = { 'plugin.js': `export default { tools: [${tool}] }\n` }
  return { codegen: { main: './plugin.js', permissions }, files }
}

/** A program in Python with one tool, whose `run(parameters)` has this body. */
export function onePythonTool(name: string, body: string, permissions: object = {}): TestPlugin {
  const lines = body.trim().split('\n')
  const text = `import json, sys
def run(parameters):
${lines.map((line) => `    ${line}`).join('\n')}
tools = [{'name': '${name}', 'description': '', 'parameters': {'type': 'object'}}]
for line in sys.stdin:
    message = json.loads(line)
    if 'id' not in message: continue
    try:
        result = {'result': {'describe': lambda: tools, 'call': lambda: run(message['params']['parameters']), 'ping': lambda: None}[message['method']]()}
    except BaseException as error:
        result = {'error': {'code': -32603, 'message': repr(error), 'data': {'code': 'tool.failed'}}}
    print(json.dumps({'jsonrpc': '2.0', 'id': message['id'], **result}), flush=True)
`
  return { codegen: { command: ['python3', 'plugin.py'], permissions }, files: { 'plugin.py': text } }
}

export async function listPlugins(client: TestClient) {
  return (await client.request('plugins/list', {})).plugins
}

export async function findPlugin(client: TestClient, name: string) {
  return (await listPlugins(client)).find((plugin) => plugin.name === name)
}

export async function allowPlugin({ client }: PluginSide, name: string, options: { unconfined?: boolean } = {}) {
  return (await client.request('plugins/allow', { name, ...options })).plugin
}

let calls = 0

export function callTool(side: PluginSide, name: string, parameters: Record<string, unknown> = {}, more: object = {}) {
  calls += 1
  const wish = { name, parameters, cwd: side.project, mode: 'ask' as const, client_ref: `c-${calls}`, ...more }
  return side.client.request('tools/call', wish)
}

/** Why a test of the sandbox cannot be run here, or false. */
export async function whyNoSandbox(): Promise<string | false> {
  const { sandbox } = await findMeans(process.env['PATH'])
  return sandbox.kind === 'absent' && sandbox.reason
}

/** A place whose daemon finds these programs and no others. */
export function placeWith(t: Test, programs: readonly string[]): Place {
  const place = newPlace(t)
  const folder = join(dirname(place.home), 'bin')
  mkdirSync(folder)
  for (const name of programs) {
    const program = findProgram(name, process.env['PATH'])
    if (program !== undefined) symlinkSync(program, join(folder, name))
  }
  return { ...place, environment: { ...place.environment, PATH: folder } }
}

/** The words of every process that has this text in them, but for those of a sandbox, which repeat them. */
export function processesWith(text: string): string[] {
  const commandOf = (pid: string): string => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
    } catch {
      return ''
    }
  }
  const commands = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .map(commandOf)
  return commands.filter((command) => command.includes(text))
}
