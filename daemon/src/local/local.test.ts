import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmod, lstat, mkdir, mkdtemp, rm, symlink, unlink, writeFile } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import type { ApprovalQuestion, DaemonMethods } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import type { Peer, RpcMethod } from '@codegen/protocol/peer'
import type { Log } from '#log'
import { createFakeDaemon } from './fake-daemon.ts'
import { startLocalServer } from './server.ts'
import type { LocalServerOptions } from './server.ts'

type Test = { after(clean: () => unknown): void }

const silent: Log = { info: () => undefined, warn: () => undefined, error: () => undefined }

async function newFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'codegen-local-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  return folder
}

async function start(t: Test, options: Partial<LocalServerOptions> = {}) {
  const daemon = createFakeDaemon()
  const socketPath = options.socketPath ?? join(await newFolder(t), 'run', 'codegend.sock')
  const warnings: string[] = []
  const log = { ...silent, warn: (message: string) => void warnings.push(message) }
  const server = await startLocalServer({ socketPath, isOwnFolder: true, version: '0.1.0', daemon, log, ...options })
  t.after(() => server.close())
  return { daemon, server, socketPath, warnings }
}

type Seen = { method: string; parameters: unknown }

/** A client on a real socket; what it is told is collected. */
async function open(t: Test, socketPath: string, answer?: RpcMethod) {
  const socket = connect(socketPath)
  await once(socket, 'connect')
  const seen: Seen[] = []
  let onSeen = (): void => undefined
  const collect = (method: string) => (parameters: unknown) => {
    seen.push({ method, parameters })
    onSeen()
  }
  const names = ['run/event', 'run/finished', 'approval/resolved', 'logs/line']
  const peer: Peer<DaemonMethods> = createPeer<DaemonMethods>({
    write: (line) => void socket.write(line),
    close: () => socket.destroy(),
    timers: { setTimeout, clearTimeout },
    notifications: Object.fromEntries(names.map((name) => [name, collect(name)])),
    ...(answer ? { methods: { 'approval/request': answer } } : {}),
  })
  socket.on('data', (chunk) => peer.receive(chunk))
  socket.on('error', () => undefined)
  socket.on('close', () => peer.close(new Failure('client.closed', 'The test has left.')))
  t.after(() => socket.destroy())
  return {
    peer,
    socket,
    seen,
    async told(count: number) {
      while (seen.length < count) await new Promise<void>((resolve) => (onSeen = resolve))
      return seen
    },
  }
}

async function openIntroduced(t: Test, socketPath: string, answer?: RpcMethod) {
  const client = await open(t, socketPath, answer)
  await client.peer.request('initialize', {
    version: '0.1.0',
    client: { kind: 'test', pid: 7 },
    can_answer_approvals: answer !== undefined,
  })
  return client
}

const startParameters = { prompt: 'do it', cwd: '/', mode: 'ask' as const, client_ref: 'r-1' }

const question: ApprovalQuestion = {
  tool_id: 't-1',
  generation_id: 'g-1',
  tool_name: 'Shell',
  title: 'Shell: rm -r build',
  preview: { command: 'rm -r build' },
  options: [
    { id: 'allow', kind: 'allow', label: 'Yes' },
    { id: 'deny', kind: 'deny', label: 'No' },
  ],
}

const modeOf = async (path: string): Promise<number> => (await lstat(path)).mode & 0o777

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
}

test('folder and socket belong to their owner alone, whatever the umask (US-01)', async (t) => {
  for (const umask of [0o000, 0o022, 0o077]) {
    const before = process.umask(umask)
    t.after(() => process.umask(before))
    const { socketPath } = await start(t)
    t.equal(await modeOf(join(socketPath, '..')), 0o700)
    t.equal(await modeOf(socketPath), 0o600)
    t.equal(process.umask(before), umask, 'and the umask is as it was')
  }
})

test('a folder of CodeGen that others can read is closed to them; a folder of somebody else is left as it is', async (t) => {
  const own = await newFolder(t)
  await chmod(own, 0o755)
  await start(t, { socketPath: join(own, 's') })
  t.equal(await modeOf(own), 0o700)
  const foreign = await newFolder(t)
  await chmod(foreign, 0o755)
  await start(t, { socketPath: join(foreign, 's'), isOwnFolder: false })
  t.equal(await modeOf(foreign), 0o755)
})

test('a folder others could write to, a link and a foreign one are refused (US-03)', async (t) => {
  const folder = await newFolder(t)
  const cases: [string, RegExp][] = [
    ['group', /can be written by others/],
    ['world', /can be written by others/],
    ['link', /is a symbolic link/],
    ['file', /is not a folder/],
  ]
  await mkdir(join(folder, 'group'))
  await chmod(join(folder, 'group'), 0o770)
  await mkdir(join(folder, 'world'))
  await chmod(join(folder, 'world'), 0o1777)
  await symlink(await newFolder(t), join(folder, 'link'))
  await writeFile(join(folder, 'file'), '')
  if (process.getuid?.() === 0) {
    const { chown } = await import('node:fs/promises')
    await mkdir(join(folder, 'foreign'), { mode: 0o700 })
    await chown(join(folder, 'foreign'), 12345, 12345)
    cases.push(['foreign', /belongs to another user/])
  }
  for (const [name, reason] of cases) {
    const socketPath = join(folder, name, 'codegend.sock')
    await t.rejects(start(t, { socketPath }), { code: 'config.invalid', message: reason }, name)
    await t.rejects(lstat(socketPath))
  }
})

test('a second daemon names the pid of the first and leaves it alone (US-05)', async (t) => {
  const { socketPath } = await start(t)
  await t.rejects(start(t, { socketPath }), {
    code: 'client.busy',
    message: new RegExp(`already running \\(pid ${process.pid}\\)`),
  })
  await openIntroduced(t, socketPath)
})

test('a daemon of another version is still told who is first', async (t) => {
  const { socketPath } = await start(t)
  await t.rejects(start(t, { socketPath, version: '9.9.9' }), { message: new RegExp(`pid ${process.pid}`) })
})

test('of daemons that start at once on a stale socket exactly one wins', async (t) => {
  const socketPath = join(await newFolder(t), 's')
  await leaveStaleSocket(socketPath)
  const starts = await Promise.allSettled(Array.from({ length: 6 }, () => start(t, { socketPath })))
  const reasons = starts.filter((outcome) => outcome.status === 'rejected').map(({ reason }) => String(reason))
  t.equal(starts.filter(({ status }) => status === 'fulfilled').length, 1, reasons.join(' | '))
  await openIntroduced(t, socketPath)
})

test('a socket nobody listens on is taken over', async (t) => {
  const socketPath = join(await newFolder(t), 's')
  await leaveStaleSocket(socketPath)
  await start(t, { socketPath })
  await openIntroduced(t, socketPath)
})

test('what is no socket is never removed (US-07)', async (t) => {
  const folder = await newFolder(t)
  await writeFile(join(folder, 'file'), 'precious')
  await mkdir(join(folder, 'folder'))
  await symlink(join(folder, 'file'), join(folder, 'link'))
  await once(spawn('mkfifo', [join(folder, 'fifo')]), 'close')
  const kinds = { file: 'a file', folder: 'a folder', link: 'a symbolic link', fifo: 'a FIFO' }
  for (const [name, kind] of Object.entries(kinds)) {
    const path = join(folder, name)
    const before = await lstat(path)
    await t.rejects(start(t, { socketPath: path }), { code: 'config.invalid', message: new RegExp(`is ${kind}`) })
    t.equal((await lstat(path)).ino, before.ino)
  }
})

test('a socket somebody else listens on is left to them', async (t) => {
  const socketPath = join(await newFolder(t), 's')
  const stranger = createServer((socket) => socket.resume().end('220 hello\n'))
  stranger.listen(socketPath)
  await once(stranger, 'listening')
  t.after(() => stranger.close())
  await t.rejects(start(t, { socketPath }), { code: 'config.invalid', message: /in use by something else/ })
})

test('a path too long for a socket is one sentence that names CODEGEN_SOCKET', async (t) => {
  const socketPath = join(await newFolder(t), 'x'.repeat(120))
  await t.rejects(start(t, { socketPath }), { code: 'config.invalid', message: /bytes long .* set CODEGEN_SOCKET/ })
})

test('a socket that is deleted while the daemon runs is made again, and open connections go on (US-09)', async (t) => {
  const { socketPath, warnings } = await start(t)
  const before = await openIntroduced(t, socketPath)
  await unlink(socketPath)
  await until(async () => (await lstat(socketPath).catch(() => undefined)) !== undefined)
  await openIntroduced(t, socketPath)
  t.equal(await modeOf(socketPath), 0o600)
  t.match(await before.peer.request('daemon/status', {}), { pid: process.pid })
  t.match(warnings, [/removed/])
  await unlink(socketPath)
  await until(async () => (await lstat(socketPath).catch(() => undefined)) !== undefined)
  await openIntroduced(t, socketPath)
})

test('a daemon whose place was taken does not remove the socket of the other when it leaves', async (t) => {
  const { socketPath, server, warnings } = await start(t)
  const other = createServer()
  const aside = `${socketPath}2`
  other.listen(aside)
  await once(other, 'listening')
  t.after(() => other.close())
  const { rename } = await import('node:fs/promises')
  await rename(aside, socketPath)
  await until(() => warnings.length > 0)
  await server.close()
  t.ok((await lstat(socketPath)).isSocket())
})

test('a closed daemon takes its socket with it and tells its clients', async (t) => {
  const { socketPath, server } = await start(t)
  const { socket } = await openIntroduced(t, socketPath)
  await Promise.all([once(socket, 'close'), server.close()])
  await t.rejects(lstat(socketPath), { code: 'ENOENT' })
})

test('nothing is answered before initialize but initialize (-32002)', async (t) => {
  const { socketPath } = await start(t)
  const { peer } = await open(t, socketPath)
  await t.rejects(peer.request('daemon/status', {}), { code: 'client.not_initialized' })
  t.match(await peer.request('initialize', { version: '0.1.9', client: { kind: 'test' } }), {
    version: '0.1.0',
    pid: process.pid,
  })
  t.match(await peer.request('daemon/status', {}), { tools: ['Shell'] })
  await t.rejects(peer.request('initialize', { version: '0.1.0', client: { kind: 'test' } }), {
    code: 'request.malformed',
  })
})

test('a client of another version is told both versions and what to run, starts nothing, and may stop this one (CL-10)', async (t) => {
  const { socketPath, daemon } = await start(t)
  const { peer } = await open(t, socketPath)
  const introduced = peer.request('initialize', { version: '0.2.0', client: { kind: 'codegen' } })
  const started = peer.request('run/start', startParameters)
  await t.rejects(introduced, {
    code: 'client.version',
    message: /0\.2\.0.*0\.1\.0.*codegen daemon restart/,
  })
  await t.rejects(started, { code: 'client.not_initialized' })
  await t.rejects(peer.request('daemon/status', {}), { code: 'client.not_initialized' })
  t.same(daemon.started, [])
  t.equal((await peer.request('daemon/shutdown', {})).pid, process.pid)
  await until(() => daemon.shutdowns === 1)
})

test('wrong parameters are refused naming the field', async (t) => {
  const { socketPath } = await start(t)
  const { peer } = await openIntroduced(t, socketPath)
  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ prompt: 7 }, /"prompt"/],
    [{ mode: 'yolo' }, /"mode"/],
    [{ limits: { turns: 0 } }, /"limits\.turns"/],
    [{ cwd: 'relative' }, /absolute path/],
    [{ cwd: '/nowhere/at/all' }, /There is no folder/],
  ]
  for (const [fields, reason] of wrong) {
    const untyped: Peer = peer
    await t.rejects(untyped.request('run/start', { ...startParameters, ...fields }), {
      code: 'request.invalid',
      message: reason,
    })
  }
})

test('a started run is shown to the client that started it, and its end is the last of it', async (t) => {
  const { socketPath, daemon } = await start(t)
  const { peer, told } = await openIntroduced(t, socketPath)
  t.same(await peer.request('run/start', startParameters), { generation_id: 'g-1', session_id: 's' })
  daemon.emit('g-1', { type: 'agent_message_delta', payload: { generation_id: 'g-1', content: 'Hi' } })
  const viewers = [...(daemon.viewers.get('g-1') ?? [])]
  viewers[0]?.finished({ generation_id: 'g-1', status: 'completed' })
  t.match(await told(2), [
    { method: 'run/event', parameters: { event_id: '1-0', event: { payload: { content: 'Hi' } } } },
    { method: 'run/finished', parameters: { status: 'completed' } },
  ])
})

test('a run is shown to everyone who attached, once each, until they detach', async (t) => {
  const { socketPath, daemon } = await start(t)
  const first = await openIntroduced(t, socketPath)
  const second = await openIntroduced(t, socketPath)
  await first.peer.request('run/start', startParameters)
  await second.peer.request('run/attach', { generation_id: 'g-1' })
  await second.peer.request('run/attach', { generation_id: 'g-1' })
  daemon.emit('g-1', { type: 'usage', payload: {} })
  await first.told(1)
  await second.told(1)
  await second.peer.request('run/detach', { generation_id: 'g-1' })
  daemon.emit('g-1', { type: 'usage', payload: {} })
  await first.told(2)
  await second.peer.request('daemon/status', {})
  t.equal(second.seen.length, 1)
  await t.rejects(second.peer.request('run/attach', { generation_id: 'g-404' }), { code: 'run.unknown' })
})

test('a client that is killed before its answer takes the start back; after it the run goes on (US-17)', async (t) => {
  const { socketPath, daemon } = await start(t)
  const gate = Promise.withResolvers<void>()
  daemon.startGate = gate.promise
  const hasty = await openIntroduced(t, socketPath)
  hasty.peer.request('run/start', startParameters).catch(() => undefined)
  await until(() => daemon.started.length === 1)
  hasty.socket.destroy()
  await until(() => daemon.started[0]?.signal.aborted === true)
  gate.resolve()
  daemon.startGate = undefined
  await until(() => daemon.viewers.has('g-1'))
  t.equal(daemon.viewers.get('g-1')?.size, 0, 'nothing is shown to a client that is gone')

  const patient = await openIntroduced(t, socketPath)
  await patient.peer.request('run/start', startParameters)
  t.equal(daemon.viewers.get('g-2')?.size, 1)
  patient.socket.destroy()
  await until(() => daemon.viewers.get('g-2')?.size === 0)
  t.notOk(daemon.started[1]?.signal.aborted)
  t.same(daemon.cancelled, [])
})

test('a client that never reads is dropped, and nobody else notices (US-19)', async (t) => {
  const { socketPath, daemon, warnings } = await start(t)
  const deaf = await openIntroduced(t, socketPath)
  const other = await openIntroduced(t, socketPath)
  await deaf.peer.request('run/start', startParameters)
  deaf.socket.pause()
  const content = 'x'.repeat(100_000)
  const before = process.memoryUsage().rss
  for (let events = 0; events < 400; events += 1)
    daemon.emit('g-1', { type: 'agent_message_delta', payload: { content } })
  await until(() => daemon.viewers.get('g-1')?.size === 0)
  t.match(warnings, [/does not read/])
  t.ok(process.memoryUsage().rss - before < 64 * 1024 * 1024)
  t.match(await other.peer.request('daemon/status', {}), { pid: process.pid })
})

test('a question goes to clients that answer and are attached; the first answer counts and the others hear of it', async (t) => {
  const { socketPath, daemon } = await start(t)
  const asked: string[] = []
  const answering =
    (name: string, answer: Promise<unknown>): RpcMethod =>
    () => {
      asked.push(name)
      return answer
    }
  const never = new Promise(() => undefined)
  const quick = await openIntroduced(t, socketPath, answering('quick', Promise.resolve({ option_id: 'allow' })))
  const slow = await openIntroduced(t, socketPath, answering('slow', never))
  const watching = await openIntroduced(t, socketPath)
  await openIntroduced(t, socketPath, answering('elsewhere', never))
  await slow.peer.request('run/start', startParameters)
  await watching.peer.request('run/attach', { generation_id: 'g-1' })
  daemon.put(question)
  await until(() => asked.length === 1)
  // It comes later and is asked all the same.
  await quick.peer.request('run/attach', { generation_id: 'g-1' })
  await slow.told(1)
  t.match(slow.seen, [{ method: 'approval/resolved', parameters: { tool_id: 't-1', outcome: 'allowed' } }])
  await watching.told(1)
  t.same(asked, ['slow', 'quick'])
  t.match(daemon.answers, [{ toolId: 't-1', optionId: 'allow', by: 'test (pid 7)' }])
  t.same(await watching.peer.request('approval/list', {}), { approvals: [] })
})

test('a question that is void is taken back from the client that has it', async (t) => {
  const { socketPath, daemon } = await start(t)
  const voided = Promise.withResolvers<unknown>()
  const client = await openIntroduced(
    t,
    socketPath,
    (_question, { signal }) => new Promise(() => signal.addEventListener('abort', () => voided.resolve(signal.reason))),
  )
  await client.peer.request('run/start', startParameters)
  daemon.put(question)
  t.match((await client.peer.request('approval/list', {})).approvals, [question])
  daemon.resolve('t-1')
  t.match(await voided.promise, { code: 'client.cancelled' })
})

test('nonsense for an answer leaves the question open; approval/respond answers it', async (t) => {
  const { socketPath, daemon } = await start(t)
  const client = await openIntroduced(t, socketPath, () => ({ option: 'allow' }))
  await client.peer.request('run/start', startParameters)
  daemon.put(question)
  const { approvals } = await client.peer.request('approval/list', {})
  t.equal(approvals.length, 1)
  t.same(daemon.answers, [])
  await client.peer.request('approval/respond', { tool_id: 't-1', option_id: 'deny' })
  t.match(daemon.answers, [{ optionId: 'deny' }])
  await t.rejects(client.peer.request('approval/respond', { tool_id: 't-1', option_id: 'deny' }), {
    code: 'run.finished',
  })
})

test('a run is found by an unambiguous beginning of its id', async (t) => {
  const { socketPath, daemon } = await start(t)
  const { peer } = await openIntroduced(t, socketPath)
  const run = {
    ...{ session_id: 's', status: 'completed', prompt: 'p'.repeat(5_000), cwd: '/', mode: 'ask', model: 'm' },
    ...{ created_at: '', finished_at: null, turns: 1, input_tokens: 1, output_tokens: 1, error: null },
  }
  daemon.runs = ['abcdefgh-1', 'abcdefgh-2', 'xyzxyzxyz-3'].map((generation_id) => ({ ...run, generation_id }))
  t.match(await peer.request('run/get', { generation_id: 'x' }), { generation_id: 'xyzxyzxyz-3' })
  t.match(await peer.request('run/get', { generation_id: 'abcdefgh-1' }), { generation_id: 'abcdefgh-1' })
  await t.rejects(peer.request('run/get', { generation_id: 'abc' }), { message: /abcdefgh-1 and abcdefgh-2/ })
  await t.rejects(peer.request('run/get', { generation_id: 'abcdefgh-' }), { message: /abcdefgh-1 and abcdefgh-2/ })
  await t.rejects(peer.request('run/get', { generation_id: 'nope' }), { code: 'run.unknown' })
  const { runs } = await peer.request('run/list', { limit: 2 })
  t.same(
    runs.map(({ generation_id, prompt }) => [generation_id, prompt.length]),
    [
      ['abcdefgh-1', 1_000],
      ['abcdefgh-2', 1_000],
    ],
  )
})

test('cancel, input, tools and shutdown reach the daemon; shutdown is answered first', async (t) => {
  const { socketPath, daemon } = await start(t)
  const { peer } = await openIntroduced(t, socketPath)
  await peer.request('run/cancel', { generation_id: 'g-1' })
  await peer.request('run/cancel', { generation_id: 'g-1', reason: 'enough' })
  const input = { generation_id: 'g-1', content: 'rather so', mode: 'steer', client_ref: 'i-1' } as const
  t.same(await peer.request('run/input', input), {})
  t.strictSame(daemon.inputs, [input])
  t.match(daemon.cancelled, [{ reason: /test \(pid 7\)/ }, { reason: 'enough' }])
  t.match(await peer.request('tools/list', {}), { tools: [{ name: 'Shell' }] })
  const wish = { name: 'Shell', parameters: {}, cwd: '/', mode: 'auto' as const, client_ref: 'c-9' }
  t.match(await peer.request('tools/call', wish), { tool_name: 'Shell', status: 'success' })
  t.same(await peer.request('daemon/shutdown', {}), { pid: process.pid })
  t.equal(daemon.shutdowns, 1)
})

test('more clients than the limit are turned away, and there is room again when one leaves', async (t) => {
  const { socketPath } = await start(t)
  const clients = await Promise.all(Array.from({ length: 64 }, () => openIntroduced(t, socketPath)))
  t.notOk(await tryToOpen(socketPath))
  const [first] = clients
  first?.socket.end()
  await until(() => tryToOpen(socketPath))
  t.pass('a new client was served')
})

/** A file of a socket whose process is gone. */
async function leaveStaleSocket(path: string): Promise<void> {
  const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  await once(spawn(process.execPath, ['-e', script]), 'close')
}

/** Whether a daemon answers there. */
function tryToOpen(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.on('error', () => undefined)
    socket.on('close', () => resolve(false))
    socket.on('data', () => {
      resolve(true)
      socket.destroy()
    })
    socket.write(
      '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"version":"0.1.0","client":{"kind":"test"}}}\n',
    )
  })
}

test('33 MiB without a line end, and bytes that are no JSON, end at most their own connection (US-15, US-11)', async (t) => {
  const { socketPath } = await start(t)
  const other = await openIntroduced(t, socketPath)
  const flood = await open(t, socketPath)
  const before = process.memoryUsage().rss
  const closed = new Promise((resolve) => flood.socket.once('close', resolve))
  flood.socket.write(Buffer.alloc(33 * 1024 * 1024, 'x'))
  await closed
  t.ok(process.memoryUsage().rss - before < 256 * 1024 * 1024, 'what was sent is not kept many times over')
  other.socket.write('{ this is no JSON\n')
  t.equal((await other.peer.request('daemon/status', {})).pid, process.pid)
})

test('a client that follows the log is told each wanted line once, and nothing after it has left', async (t) => {
  const { socketPath, daemon } = await start(t)
  const toLine = (msg: string, level = 30, more = {}) => JSON.stringify({ level, time: 1, pid: 7, msg, ...more })
  daemon.logLines = [toLine('old'), toLine('older', 40, { run: 'g-1' })]
  const client = await openIntroduced(t, socketPath)
  const answer = await client.peer.request('logs/tail', { level: 'warn', run: 'g', follow: true })
  t.match(answer.lines, [{ message: 'older', level: 'warn', source: 'codegend', fields: { run: 'g-1' } }])
  const write = (line: string): void => daemon.logListeners.forEach((listener) => listener(line))
  write(toLine('no run', 50))
  write(toLine('info only', 30, { run: 'g-2' }))
  write(toLine('maestro', 30, { line: JSON.stringify({ level: 50, msg: 'inner', run: 'g-2' }) }))
  write(toLine('new', 50, { run: 'g-2' }))
  t.match(
    (await client.told(2)).map(({ parameters }) => parameters),
    [
      { message: 'inner', source: 'maestro', level: 'error' },
      { message: 'new', level: 'error' },
    ],
  )
  client.socket.destroy()
  await until(() => daemon.logListeners.size === 0)
})
