import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import tap, { test } from 'tap'
import type { Test } from 'tap'
import { lookAtTree, lookByPs } from '#plugin-process/process-tree'
import { startTestMaestro } from '#link/test-maestro'
import { connectClient, newPlace, startTestDaemon, until } from './test-daemon.ts'
import {
  allowPlugin,
  callTool,
  dropPlugin,
  findPlugin,
  listPlugins,
  onePythonTool,
  oneTool,
  placeWith,
  processesWith,
  startWithPlugins,
  whyNoSandbox,
} from './test-contained-plugins.ts'
import { isAlive, socketOf, started } from './test-process.ts'

tap.setTimeout(230_000)
const skip = await whyNoSandbox()
const { ENOSPC, EROFS } = constants.errno

/** What may hold a plugin, and what codegend finds on its PATH then. */
const containments = [
  { held: 'sandbox', skip, place: newPlace },
  { held: 'permissions', skip: false, place: (t: Test) => placeWith(t, ['prlimit', 'setpriv']) },
  { held: 'permissions', skip: false, place: (t: Test) => placeWith(t, []), bare: true },
] as const

const hello = oneTool('Hello', "return 'hello'")
const heapHog = oneTool('HeapHog', 'const all = []\nfor (;;) all.push(Array(1_000_000).fill(all.length + 0.5))')
const bufferHog = oneTool(
  'BufferHog',
  `const all = []
  for (let taken = 0; taken < 2_048; taken += 16) {
    all.push(Buffer.alloc(16 * 1024 * 1024, 1))
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return 'took it all'`,
)

for (const { held, skip: reason, place, ...more } of containments) {
  const where = `${held}${'bare' in more ? ', nothing else' : ''}`
  test(
    `what eats its heap, or memory outside of it, costs its own call an error that says so, and codegend nothing (PL-07, PL-08: ${where})`,
    { skip: reason },
    async (t) => {
      const side = await startWithPlugins(t, { hello, 'heap-hog': heapHog, 'buffer-hog': bufferHog }, place(t))
      for (const name of ['hello', 'heap-hog', 'buffer-hog']) {
        t.match(await allowPlugin(side, name), { state: 'serves', containment: held })
      }
      const before = process.memoryUsage().rss
      const failed = { status: 'error', error: { code: 'tool.failed' } }
      t.match(await callTool(side, 'HeapHog'), { ...failed, error: { message: /used more than 128 MB of heap/ } })
      t.match(await callTool(side, 'BufferHog'), {
        ...failed,
        error: { message: /used more than 512 MB of memory|allocat\w+ .*memory|allocation failed/i },
      })
      t.match(await callTool(side, 'Hello'), { status: 'success', result: 'hello' })
      t.ok(process.memoryUsage().rss - before < 100 * 1024 * 1024, 'codegend itself needed no more memory')
    },
  )
}

test(
  'a plugin cannot signal codegend or anybody else, and all it started ends with it (PL-10)',
  { skip },
  async (t) => {
    const killer = oneTool(
      'Kill',
      `const attempts = [process.ppid, parameters.pid, parameters.parent].map((pid) => {
      try { process.kill(pid, 'SIGKILL'); return 'sent' } catch (error) { return error.code }
    })
    return { text: '', structured: { attempts, pid: process.pid, ppid: process.ppid } }`,
    )
    const children = onePythonTool(
      'Children',
      `import os, time
for _ in range(3):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            time.sleep(600)
        os._exit(0)
os.execvp('sleep', ['sleep', parameters['seconds']])`,
    )
    const side = await startWithPlugins(t, { killer, children })
    await Promise.all([allowPlugin(side, 'killer'), allowPlugin(side, 'children')])
    const { structured } = await callTool(side, 'Kill', { pid: process.pid, parent: process.ppid })
    t.match(
      structured,
      { attempts: ['sent', 'ESRCH', 'ESRCH'], ppid: 1 },
      'process 1 of its own takes no signal from inside',
    )
    t.match(await callTool(side, 'Kill', { pid: process.pid, parent: process.ppid }), { status: 'success' })
    const seconds = `600.${process.pid}`
    const hanging = callTool(side, 'Children', { seconds }, { timeout_ms: 5_000 })
    await until(() => processesWith(`sleep\0${seconds}`).length === 1)
    t.match(await hanging, { status: 'timeout' })
    await until(() => processesWith(join(side.home, 'data', 'children')).length === 0)
    await until(() => processesWith(`sleep\0${seconds}`).length === 0)
  },
)

test(
  'a plugin has no network of its own, and reaches by its context what it asks for and nothing else',
  { skip },
  async (t) => {
    const server = createServer((_request, response) => response.end('fetched')).listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/`
    const body = `const say = (error) => error.cause?.code ?? error.code ?? error.message
    const { networkInterfaces } = await import('node:os')
    const options = { timeoutMs: 5_000, decodedBytesMax: 100, redirectsMax: 0 }
    return { text: '', structured: {
      own: await fetch('${url}').then((answer) => answer.text(), say),
      asked: await context.fetch('${url}', options).then(({ bytes }) => Buffer.from(bytes).toString(), say),
      other: await context.fetch('http://localhost:${port}/', options).then(() => 'fetched', say),
      interfaces: Object.keys(networkInterfaces()),
    } }`
    const place = newPlace(t)
    mkdirSync(place.home, { mode: 0o700 })
    writeFileSync(join(place.home, 'config.json'), JSON.stringify({ allowedHosts: ['127.0.0.1', 'localhost'] }))
    const side = await startWithPlugins(t, { net: oneTool('Net', body, { net: [`127.0.0.1:${port}`] }) }, place)
    await allowPlugin(side, 'net')
    const { structured } = await callTool(side, 'Net')
    t.match(structured, { own: /ENETUNREACH|ECONNREFUSED/, asked: 'fetched', other: 'tool.denied' })
    t.notOk((structured as { interfaces: string[] }).interfaces.some((name) => name !== 'lo'))
  },
)

const looker = `import os, socket
def say(action):
    try:
        return action()
    except OSError as error:
        return type(error).__name__
def write(path):
    with open(path, 'w') as file: file.write('made')
    return 'made'
home = parameters['home']
def connect():
    with socket.create_connection(('127.0.0.1', parameters['port']), 2): return 'connected'
return {'text': '', 'structured': {
    'home': say(lambda: sorted(os.listdir(home))),
    'kept': say(lambda: open(os.path.join(home, 'plugins.json')).read()),
    'secret': say(lambda: open(parameters['secret']).read()),
    'near': say(lambda: open(parameters['near']).read()),
    'own': say(lambda: write('here')),
    'data': say(lambda: write(os.path.join(home, 'data', 'looker', 'here'))),
    'root': say(lambda: write('/here')),
    'scratch': say(lambda: write('/tmp/here')),
    'connected': say(connect),
    'socket': os.path.exists(parameters.get('socket', '')),
    'environment': sorted(set(os.environ) - {'LC_CTYPE'}),
    'processes': len([name for name in os.listdir('/proc') if name.isdigit()]),
    'user': os.geteuid(),
    'capabilities': [line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')],
    'files': sorted(int(name) for name in os.listdir('/proc/self/fd'))[:3],
}}`

test(
  'a program in another language sees its own files and what it asks for, and no more of the machine',
  { skip },
  async (t) => {
    const place = newPlace(t)
    const base = dirname(place.home)
    const [secret, near] = [join(base, 'secret'), join(place.project, 'near')]
    writeFileSync(secret, 'secret')
    writeFileSync(near, 'near')
    const plugin = onePythonTool('Look', looker, { read: [place.project], env: ['GIVEN'] })
    const environment = { ...place.environment, GIVEN: 'yes', TOKEN: 'no' }
    const server = createServer().listen(0, '127.0.0.1')
    t.teardown(() => server.close())
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const side = await startWithPlugins(t, { looker: plugin }, { ...place, environment })
    t.match(await listPlugins(side.client), [{ containment: 'sandbox', command: ['python3', 'plugin.py'] }])
    t.match(await allowPlugin(side, 'looker'), { state: 'serves', tools: ['Look'] })
    const { structured } = await callTool(side, 'Look', { home: place.home, secret, near, port })
    t.match(structured, {
      home: ['cache', 'data'],
      kept: 'FileNotFoundError',
      secret: 'FileNotFoundError',
      near: 'near',
      own: 'OSError',
      data: 'made',
      root: 'OSError',
      scratch: 'made',
      connected: /OSError|ConnectionRefusedError/,
      environment: ['GIVEN', 'PWD'],
      processes: 2,
      user: process.geteuid?.(),
      capabilities: ['0000000000000000'],
      files: [0, 1, 2],
    })
    t.equal(readFileSync(join(place.home, 'data', 'looker', 'here'), 'utf8'), 'made')
  },
)

test(
  'the folder of codegend stays hidden from a plugin that may read, or write, everything above it',
  { skip },
  async (t) => {
    const elsewhere = mkdtempSync('/tmp/codegend-socket-')
    t.teardown(() => rmSync(elsewhere, { recursive: true, force: true }))
    const { environment, ...folders } = newPlace(t)
    const place = { ...folders, environment: { ...environment, CODEGEN_SOCKET: join(elsewhere, 's') } }
    const plugin = onePythonTool('Look', looker, { read: ['/'], write: [dirname(place.home)] })
    const side = await startWithPlugins(t, { looker: plugin }, place)
    t.ok(existsSync(join(elsewhere, 's')))
    writeFileSync(join(place.project, 'near'), 'near')
    t.match(await allowPlugin(side, 'looker'), { state: 'serves' })
    const parameters = {
      home: place.home,
      secret: '/etc/hostname',
      near: join(place.project, 'near'),
      port: 9,
      socket: join(elsewhere, 's'),
    }
    const { structured } = await callTool(side, 'Look', parameters)
    t.match(structured, {
      home: ['cache', 'data'],
      kept: 'FileNotFoundError',
      near: 'near',
      data: 'made',
      root: 'OSError',
      socket: false,
    })
  },
)

test(
  'what forks without end, fills its folder in memory or does not hear that it should end is ended',
  { skip },
  async (t) => {
    const forker = onePythonTool(
      'Fork',
      `import os, time
while True:
    try:
        if os.fork() == 0: time.sleep(600)
    except OSError: pass`,
    )
    const filler = onePythonTool(
      'Fill',
      `def fill(path):
    written = 0
    try:
        with open(path, 'wb') as file:
            for _ in range(1024):
                file.write(bytes(1024 * 1024))
                file.flush()
                written += 1
    except OSError as error: return [written, error.errno]
    return [written, 0]
return {'text': '', 'structured': [fill('/tmp/a'), fill('/dev/shm/a'), fill('/dev/a'), fill('/a')]}`,
    )
    const deaf = onePythonTool(
      'Deaf',
      `import time
sys.stdin.close()
while True: time.sleep(1)`,
    )
    const side = await startWithPlugins(t, { forker, filler, deaf, hello })
    for (const name of ['forker', 'filler', 'deaf', 'hello']) await allowPlugin(side, name)
    const bound = /had more than 64 processes|used more than 512 MB/
    t.match(await callTool(side, 'Fork'), { status: 'error', error: { code: 'tool.failed', message: bound } })
    const filled = (await callTool(side, 'Fill')).structured as [written: number, code: number][]
    t.ok(
      filled.every(([written]) => written <= 64),
      JSON.stringify(filled),
    )
    t.strictSame(
      filled.map(([, code]) => code),
      [ENOSPC, ENOSPC, EROFS, EROFS],
    )
    t.match(await callTool(side, 'Deaf', {}, { timeout_ms: 300 }), { status: 'timeout' })
    t.match(await callTool(side, 'Hello'), { status: 'success' })
    for (const name of ['forker', 'deaf']) await until(() => processesWith(join(side.home, 'data', name)).length === 0)
  },
)

test('what a package wants to have run when it is installed is never run, and native code is refused by its name (PL-25)', async (t) => {
  const place = newPlace(t)
  const marker = join(place.project, 'ran')
  const script = `node -e "require('fs').writeFileSync('${marker}', '')"`
  const scripts = Object.fromEntries(['preinstall', 'install', 'postinstall', 'prepare'].map((name) => [name, script]))
  const hook = `#!/bin/sh\n${script}\n`
  const loader = oneTool(
    'Load',
    "try { process.dlopen({ exports: {} }, parameters.file); return 'loaded' } catch (error) { return error.code }",
  )
  const scripted = {
    ...hello,
    files: {
      ...hello.files,
      'node_modules/.hooks/postinstall': hook,
      'node_modules/a/package.json': JSON.stringify({ name: 'a', scripts }),
    },
  }
  const addon = { ...hello, files: { ...hello.files, 'node_modules/fast/build/Release/fast.node': '\x7fELF' } }
  const builds = { ...hello, files: { ...hello.files, 'node_modules/slow/binding.gyp': '{}' } }
  const side = await startWithPlugins(t, { scripted, addon, builds, loader }, place)
  t.match(await allowPlugin(side, 'scripted'), { state: 'serves' })
  t.match(await callTool(side, 'Hello'), { status: 'success' })
  t.match(await allowPlugin(side, 'addon'), {
    state: 'refused',
    tools: [],
    problem: /node_modules\/fast\/build\/Release\/fast\.node is native code/,
  })
  t.match(await allowPlugin(side, 'builds'), {
    state: 'refused',
    tools: [],
    problem: /node_modules\/slow\/binding\.gyp is native code/,
  })
  await allowPlugin(side, 'loader')
  const file = join(side.home, 'data', 'loader', 'made.so')
  t.match(await callTool(side, 'Load', { file }), { result: 'ERR_DLOPEN_DISABLED' })
  t.equal(existsSync(marker), false)
})

for (const { held, skip: reason, place, ...more } of containments) {
  if ('bare' in more) continue
  test(`a plugin that spins does not outlive a codegend that is killed (${held})`, { skip: reason }, async (t) => {
    const at = place(t)
    dropPlugin(at, 'spinner', oneTool('Spin', "context.log.info('it spins now')\nfor (;;);"))
    chmodSync(at.home, 0o700)
    const maestro = await startTestMaestro(t)
    const { child, ended } = await started(t, at, maestro)
    const client = await connectClient(t, socketOf(at), { answer: 'allow' })
    await until(async () => (await listPlugins(client)).length === 1)
    await client.request('plugins/allow', { name: 'spinner' })
    const wish = { name: 'Spin', parameters: {}, cwd: at.project, mode: 'ask' as const, client_ref: 'c-spin' }
    client.request('tools/call', wish).catch(() => undefined)
    await until(() => readFileSync(join(at.home, 'log', 'codegend.log'), 'utf8').includes('it spins now'))
    t.ok(processesWith(join(at.home, 'data', 'spinner')).length > 0)
    child.kill('SIGKILL')
    await ended
    await until(() => processesWith(join(at.home, 'data', 'spinner')).length === 0)
    t.notOk(child.pid !== undefined && isAlive(child.pid))
  })
}

const greeter = onePythonTool('Greet', "return 'greetings from Python'")

test('where there is no sandbox a program in another language is allowed by a yes of its own, and that yes is to this command alone', async (t) => {
  const place = placeWith(t, ['python3', 'prlimit', 'setpriv'])
  const side = await startWithPlugins(t, { greeter, hello }, place)
  t.match(await findPlugin(side.client, 'greeter'), {
    state: 'asks',
    containment: 'none',
    command: ['python3', 'plugin.py'],
  })
  await t.rejects(allowPlugin(side, 'greeter'), {
    code: 'plugin.refused',
    message: /with all the rights of your account/,
    hint: /--unconfined/,
  })
  t.match(await findPlugin(side.client, 'greeter'), { state: 'asks' })
  t.match(await allowPlugin(side, 'greeter', { unconfined: true }), { state: 'serves', containment: 'none' })
  t.match(await callTool(side, 'Greet'), { status: 'success', result: 'greetings from Python' })
  t.match(await allowPlugin(side, 'hello'), { state: 'serves', containment: 'permissions' })
  const manifest = join(side.home, 'plugins', 'greeter', 'package.json')
  const first = readFileSync(manifest, 'utf8')
  writeFileSync(manifest, first.replace('["python3",', '["python3","-B",'))
  await until(async () => (await findPlugin(side.client, 'greeter'))?.state === 'asks')
  writeFileSync(manifest, first)
  await until(async () => (await findPlugin(side.client, 'greeter'))?.state === 'serves')
  if (skip) return
  await side.daemon.daemon.stop('the next one finds bubblewrap')
  const environment = { ...place.environment, PATH: process.env['PATH'] }
  const maestro = await startTestMaestro(t)
  const again = await startTestDaemon(t, maestro.url, { ...place, environment })
  const client = await again.client({ answer: 'allow' })
  await until(async () => (await findPlugin(client, 'hello'))?.state === 'serves')
  await until(async () => (await findPlugin(client, 'greeter'))?.containment === 'sandbox')
  t.match(await findPlugin(client, 'greeter'), { state: 'asks', containment: 'sandbox' })
  t.match(await findPlugin(client, 'hello'), { state: 'serves', containment: 'sandbox' })
})

test('what a program that nothing holds has started ends with it, and its call hears of its end', async (t) => {
  const seconds = `601.${process.pid}`
  const leaver = onePythonTool(
    'Leave',
    `import os, subprocess
subprocess.Popen(['sleep', parameters['seconds']])
os._exit(3)`,
  )
  const side = await startWithPlugins(t, { leaver }, placeWith(t, ['prlimit', 'setpriv']))
  t.match(await allowPlugin(side, 'leaver', { unconfined: true }), { state: 'serves', containment: 'none' })
  const message = /ended \(exit code 3\)/
  t.match(await callTool(side, 'Leave', { seconds }), { status: 'error', error: { code: 'tool.failed', message } })
  await until(() => processesWith(`sleep\0${seconds}`).length === 0)
})

test('a sandbox that was asked for and is not there refuses every plugin', async (t) => {
  const place = placeWith(t, ['python3'])
  mkdirSync(place.home, { mode: 0o700 })
  writeFileSync(join(place.home, 'config.json'), JSON.stringify({ requirePluginSandbox: true }))
  const side = await startWithPlugins(t, { greeter, hello }, place)
  const refused = { state: 'refused', problem: /"requirePluginSandbox".*bubblewrap is not installed/, tools: [] }
  t.match(await listPlugins(side.client), [refused, refused])
  t.match(await allowPlugin(side, 'hello'), refused)
  t.match(await allowPlugin(side, 'greeter', { unconfined: true }), refused)
})

test('a bubblewrap that cannot make a sandbox is none, and doctor says why', async (t) => {
  const place = placeWith(t, [])
  const program = join(String(place.environment['PATH']), 'bwrap')
  writeFileSync(
    program,
    '#!/bin/sh\n[ "$1" = --version ] && exit 0\necho "bwrap: No permissions to create new namespace" >&2\nexit 1\n',
    { mode: 0o755 },
  )
  const side = await startWithPlugins(t, { hello }, place)
  t.match(await listPlugins(side.client), [{ containment: 'permissions' }])
  const { checks } = await side.client.request('daemon/doctor', {})
  t.match(
    checks.find(({ name }) => name === 'sandbox'),
    { says: /cannot make a sandbox on this machine \(bwrap: No permissions/ },
  )
})

test('a manifest names a module or a command, one of the two, and a program that is not there is broken by its name', async (t) => {
  const files = { 'plugin.js': '' }
  const side = await startWithPlugins(t, {
    both: { codegen: { main: './plugin.js', command: ['python3'] }, files },
    neither: { codegen: {}, files },
    outside: { codegen: { command: ['../run'] }, files },
    absent: { codegen: { command: ['no-such-program'] }, files },
  })
  const listed = await listPlugins(side.client)
  const problems = Object.fromEntries(listed.map(({ folder, problem }) => [folder.split('/').at(-1), problem]))
  t.match(problems, {
    both: /one of the two/,
    neither: /one of the two/,
    outside: /must name a file inside the plugin/,
  })
  t.match(await allowPlugin(side, 'absent', { unconfined: true }), {
    state: 'broken',
    problem: /no-such-program is not in /,
  })
})

test('what keeps too many files is ended, and told where', async (t) => {
  const keeper = oneTool(
    'Keep',
    `const { writeFileSync } = await import('node:fs')
    for (let made = 0; made <= 20_000; made++) {
      writeFileSync(context.dataDir + '/' + made, '')
      if (made % 100 === 0) await new Promise(setImmediate)
    }
    await new Promise((resolve) => setTimeout(resolve, 60_000))`,
  )
  const side = await startWithPlugins(t, { keeper })
  await allowPlugin(side, 'keeper')
  const message = new RegExp(`it keeps more than 20000 files in ${join(side.home, 'data', 'keeper')}`)
  t.match(await callTool(side, 'Keep'), { status: 'error', error: { code: 'tool.failed', message } })
})

test('a tree of processes is the same by /proc and by ps', async (t) => {
  const child = spawn('sh', ['-c', 'sleep 60 & sleep 60 & echo ready; wait'], { detached: true })
  t.teardown(() => child.pid !== undefined && process.kill(-child.pid, 'SIGKILL'))
  await once(child.stdout, 'data')
  const pid = child.pid ?? 0
  const [one, other] = await Promise.all([lookAtTree(pid), lookByPs(pid)])
  t.equal(one.count, 3)
  t.equal(other.count, 3)
  t.ok(one.memoryBytes > 0 && other.memoryBytes >= one.memoryBytes)
  t.strictSame(await lookAtTree(2 ** 22 + 1), { count: 0, memoryBytes: 0 })
})
