import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import tap, { before, test } from 'tap'
import type { Test } from 'tap'
import { freePort } from '#demo/free-port'
import { openTerminal } from '#support/person-at-terminal'
import { createSystem, programPath } from '#support/system'
import type { System } from '#support/system'

tap.setTimeout(240_000)
let system: System

/** The entry of a server's package, as it lies in node_modules. */
function entryOf(name: string): string {
  const manifest = createRequire(import.meta.url).resolve(`@modelcontextprotocol/${name}/package.json`)
  return join(dirname(manifest), 'dist', 'index.js')
}

const everything = entryOf('server-everything')

before(async () => {
  system = await createSystem(tap, {
    scenario: {
      conversations: [
        {
          name: 'ask the server',
          when: 'ask the server',
          steps: [
            { calls: [{ tool: 'everything_echo', arguments: { message: 'from the model' } }] },
            { expect: [{ contains: 'Echo: from the model' }], text: 'The server has echoed.' },
          ],
        },
      ],
    },
  })
})

/** Drops a file that names servers, all in one go, and says yes to each. */
async function drop(name: string, mcpServers: Record<string, object>, from = system): Promise<string> {
  const folder = join(from.home, 'plugins')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await writeFile(join(from.home, `half-${name}`), JSON.stringify({ mcpServers }), { mode: 0o600 })
  await rename(join(from.home, `half-${name}`), join(folder, `${name}.mcp.json`))
  for (;;) {
    const { stdout } = await from.codegen(['plugins'])
    if (Object.keys(mcpServers).every((server) => stdout.includes(`codegen plugins allow ${server}`))) return stdout
    await delay(100)
  }
}

const allow = (name: string) => system.codegen(['plugins', 'allow', name])

/** Calls a tool as a person does, who says yes. What was on the screen in the end. */
async function call(t: Test, tool: string, parameters: object): Promise<string> {
  const { saw, type, screen, ended } = openTerminal(t, system, {
    words: ['tools', 'call', tool, JSON.stringify(parameters)],
    columns: 200,
  })
  await saw(/\? May/)
  type('y')
  await ended
  return screen()
}

async function processesOf(word: string): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((pid) => /^\d+$/.test(pid))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
      // Its own line, not that of the terminal that asks for it.
      return command.startsWith(`${process.execPath}\0${word}`) ? [Number(pid)] : []
    }),
  )
  return found.flat()
}

test('three servers from npm are listed with what they would run, allowed and called', async (t) => {
  await system.codegen(['status'])
  const shown = await drop('servers', {
    everything: { command: process.execPath, args: [everything], env: { GREETING: 'a secret' } },
    files: { command: process.execPath, args: [entryOf('server-filesystem'), system.project] },
    memory: {
      command: process.execPath,
      args: [entryOf('server-memory')],
      env: { MEMORY_FILE_PATH: join(system.home, 'm') },
    },
  })
  t.match(shown, /everything would be started as you, outside any sandbox, with all your files, keys and network:/)
  t.ok(shown.includes(`  ${process.execPath} ${everything}\n`), shown)
  t.match(shown, /told by name: GREETING/)
  t.notMatch(shown, /a secret/)
  for (const name of ['everything', 'files', 'memory']) {
    t.match(await allow(name), { code: 0, stdout: new RegExp(`${name} .*serves .*${name}_`) })
  }
  t.match(await call(t, 'everything_echo', { message: 'hello' }), /Echo: hello/)
  t.match(await call(t, 'files_read_text_file', { path: join(system.project, 'a.txt') }), /one/)
  t.match(await call(t, 'files_read_text_file', { path: '/etc/hostname' }), /outside allowed directories/)
  const entities = [{ name: 'Ada', entityType: 'person', observations: ['counts'] }]
  t.match(await call(t, 'memory_create_entities', { entities }), /Ada/)
  t.match(await call(t, 'memory_read_graph', {}), /counts/)
})

test('a model calls a tool of a server once the person says yes, and without a person it does not', async (t) => {
  const { saw, type, screen, ended } = openTerminal(t, system, { words: ['ask the server'], columns: 200 })
  await saw(/\? May everything_echo/)
  type('y')
  t.equal(await ended, 0)
  t.match(screen(), /The server has echoed\./)
  const alone = await system.codegen(['tools', 'call', 'everything_echo', '{"message": "x"}', '--auto'])
  t.notMatch(alone.stdout, /Echo/)
  t.not(alone.code, 0)
})

test('progress is shown as it comes, and Ctrl-C cancels at the server', async (t) => {
  const words = ['tools', 'call', 'everything_trigger-long-running-operation', '{"duration": 60, "steps": 600}']
  const { saw, type, ended } = openTerminal(t, system, { words, columns: 200 })
  await saw(/\? May/)
  type('y')
  await saw(/2\/600/)
  type('\x03')
  t.equal(await ended, 130)
  t.match(await call(t, 'everything_echo', { message: 'still there' }), /Echo: still there/)
})

test('a server that is killed is started again with the next call', async (t) => {
  const [pid = 0] = await processesOf(everything)
  process.kill(pid, 'SIGKILL')
  while ((await processesOf(everything)).includes(pid)) await delay(10)
  t.match(await call(t, 'everything_echo', { message: 'again' }), /Echo: again/)
  t.equal((await processesOf(everything)).length, 1)
})

test('a changed entry asks again while the last good server serves, and is swapped in', async (t) => {
  const files = (...folders: string[]) => ({
    command: process.execPath,
    args: [entryOf('server-filesystem'), ...folders],
  })
  await drop('servers', { files: files(system.home) })
  t.match(await call(t, 'files_list_allowed_directories', {}), new RegExp(`${system.project}\\b`))
  t.match(await allow('files'), { stdout: /files .*serves/ })
  const swapped = await call(t, 'files_list_allowed_directories', {})
  t.match(swapped, new RegExp(system.home))
  t.notMatch(swapped, new RegExp(`${system.project}\\b`))
  t.notMatch((await system.codegen(['tools'])).stdout, /everything_echo/)
})

test('the same over streamable HTTP: listed, called, with progress, and told plainly when it is gone', async (t) => {
  const port = String(await freePort())
  const server = spawn(process.execPath, [everything, 'streamableHttp'], { env: { ...process.env, PORT: port } })
  t.teardown(() => server.kill('SIGKILL'))
  server.stderr.setEncoding('utf8')
  for await (const text of server.stderr) if (String(text).includes('listening')) break
  server.stderr.resume()
  const shown = await drop('remote', { remote: { url: `http://127.0.0.1:${port}/mcp`, headers: { 'X-Team': 'red' } } })
  t.match(
    shown,
    /remote would be sent what a model calls its tools with, at:\n {2}http:\/\/127\.0\.0\.1:\d+\/mcp\n {2}with the headers X-Team/,
  )
  t.match(await allow('remote'), { stdout: /remote .*serves .*remote_echo/ })
  t.match(await call(t, 'remote_echo', { message: 'hello' }), /Echo: hello/)
  t.match(
    await call(t, 'remote_trigger-long-running-operation', { duration: 1, steps: 3 }),
    /1\/3[^]*operation completed/,
  )
  server.kill('SIGKILL')
  await once(server, 'close')
  t.match(
    await call(t, 'remote_echo', { message: 'gone' }),
    /cannot be reached at http:\/\/127\.0\.0\.1:\d+ \(ECONNREFUSED\)/,
  )
})

test('an idle codegend has nothing of the protocol, which is a file of its own in the bundle', async (t) => {
  await promisify(execFile)(process.execPath, [programPath('bundle.mjs'), 'codegend'])
  const folder = programPath('daemon', 'dist')
  t.notMatch(await readFile(join(folder, 'codegend.js'), 'utf8'), /notifications\/tools\/list_changed/)
  const names = (await readdir(folder)).filter((name) => /^codegend-mcp-process-.*\.js$/.test(name))
  t.equal(names.length, 1)
})

const inspector = process.env['CODEGEN_MCP_INSPECTOR']
const required = process.env['CODEGEN_REQUIRE_SERVICES'] === '1'
const skip = inspector === undefined && !required && 'CODEGEN_MCP_INSPECTOR names no inspector'

test('the inspector lists and calls the tools of codegen mcp', { skip }, async (t) => {
  const inspect = async (...words: string[]): Promise<string> => {
    const target = [
      process.execPath,
      '--conditions=codegen-source',
      programPath('cli', 'src', 'main.ts'),
      'mcp',
      '--auto',
    ]
    // It starts a server with the basics of its environment alone.
    const isOurs = (name: string): boolean => name.startsWith('CODEGEN_') || name.startsWith('OPENAI_')
    const told = Object.entries(system.env).flatMap(([name, value]) =>
      value && isOurs(name) ? ['-e', `${name}=${value}`] : [],
    )
    const line = [inspector ?? '', '--cli', ...told, ...words, '--', ...target]
    const options = { cwd: system.project, env: { ...system.env, MCP_CATALOG_PATH: join(system.home, 'catalog.json') } }
    return (await promisify(execFile)(process.execPath, line, options)).stdout
  }
  t.match(JSON.parse(await inspect('--method', 'tools/list')), { tools: [{ name: 'Shell' }] })
  const called = await inspect('--method', 'tools/call', '--tool-name', 'ReadFile', '--tool-arg', 'file_path=a.txt')
  t.match(JSON.parse(called), { content: [{ type: 'text', text: /one/ }] })
})
