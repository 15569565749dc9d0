import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import type { Test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import type { TestExecutor, TestMaestro } from '#link/test-maestro'
import { connectClient, newPlace, until } from './test-daemon.ts'
import type { Place } from './test-daemon.ts'

const program = fileURLToPath(new URL('../bin/codegend.js', import.meta.url))

type Process = {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** codegend as a user starts it, from the sources. */
function run(t: Test, environment: Place['environment'], args: readonly string[] = []): Process {
  const child = spawn(process.execPath, ['--conditions=codegen-source', program, ...args], {
    env: Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined)),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }))
  return { child, ended }
}

function socketOf({ home }: Place): string {
  return join(home, 'run', 'codegend.sock')
}

async function started(t: Test, place: Place, maestro: TestMaestro): Promise<Process & { executor: TestExecutor }> {
  const running = run(t, { ...place.environment, CODEGEN_MAESTRO_URL: maestro.url })
  const executor = await maestro.next()
  executor.welcome()
  return { ...running, executor }
}

test('--help and --version answer and leave; anything else is a usage error', async (t) => {
  const { environment } = newPlace(t)
  const answers = await Promise.all(['--help', '--version', '--prot'].map((flag) => run(t, environment, [flag]).ended))
  t.match(answers[0], { code: 0, stdout: /CODEGEN_MAESTRO_URL/, stderr: '' })
  t.match(answers[1], { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
  t.match(answers[2], { code: 2, stdout: '', stderr: 'codegend takes no "--prot"; see codegend --help.\n' })
})

test('a wrong config is one sentence and exit 2 (DM-15)', async (t) => {
  const place = newPlace(t)
  mkdirSync(place.home, { mode: 0o700 })
  writeFileSync(join(place.home, 'config.json'), '{"maestro":"x"}')
  const wrong = [
    place.environment,
    { PATH: process.env['PATH'] },
    { ...newPlace(t).environment, CODEGEN_MAESTRO_URL: 'http://localhost:7717' },
    { ...newPlace(t).environment, CODEGEN_MAESTRO_URL: 'ws://me:secret@localhost:7717' },
  ]
  for (const { code, stderr } of await Promise.all(wrong.map((environment) => run(t, environment).ended))) {
    t.equal(code, 2)
    t.match(stderr, /^[^\n]+\.\n$/)
    t.notMatch(stderr, /me:|    at /)
  }
})

test('a home that cannot be made is refused in one sentence (DM-15)', async (t) => {
  const { environment } = newPlace(t)
  const { code, stderr } = await run(t, { ...environment, CODEGEN_HOME: '/proc/codegen' }).ended
  t.equal(code, 2)
  t.match(stderr, /^The folder \/proc\/codegen cannot be made or used \(ENOENT\); set CODEGEN_HOME.*\n$/)
})

test('a second codegend says who is first and leaves it alone (US-05)', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  const journal = (): string => JSON.stringify(statSync(join(place.home, 'journal')).mtimeMs)
  const before = journal()
  const second = await run(t, { ...place.environment, CODEGEN_MAESTRO_URL: maestro.url }).ended
  t.equal(second.code, 1)
  t.match(second.stderr, new RegExp(`already running \\(pid ${first.child.pid}\\)`))
  t.equal(journal(), before)
  const client = await connectClient(t, socketOf(place))
  t.match(await client.request('daemon/status', {}), {
    pid: first.child.pid,
    maestro: { state: 'connected', epoch: 1 },
  })
})

test('SIGTERM, and a client that asks, stop it cleanly', async (t) => {
  const maestro = await startTestMaestro(t)
  const place = newPlace(t)
  const first = await started(t, place, maestro)
  first.child.kill('SIGTERM')
  t.match(await first.ended, { code: 0, stderr: '' })
  t.equal(await first.executor.closed, 1000)

  const second = await started(t, place, maestro)
  const client = await connectClient(t, socketOf(place))
  t.equal((await client.request('daemon/shutdown', {})).pid, second.child.pid)
  t.match(await second.ended, { code: 0, stderr: '' })
})

test('what was running when it was killed is ended and told as interrupted once it is back (DM-01, R8)', async (t) => {
  const place = newPlace(t)
  const maestro = await startTestMaestro(t)
  const first = await started(t, place, maestro)
  const client = await connectClient(t, socketOf(place))
  const wish = { prompt: 'p', cwd: place.project, mode: 'auto' as const, client_ref: 'c-1' }
  const run1 = client.request('run/start', wish)
  await first.executor.receive('start_run')
  const payload = { client_ref: 'c-1', generation_id: 'g-1', session_id: 's-1' }
  first.executor.send({ type: 'run_started', payload })
  await run1
  const parameters = { command: 'echo $$; sleep 600 & wait' }
  const call = { tool_name: 'Shell', tool_id: 't-1', generation_id: 'g-1', parameters }
  first.executor.send({ type: 'run_tool', payload: call })
  const pid = Number((await first.executor.receive('tool_output_delta')).payload.chunk)
  first.child.kill('SIGKILL')
  await first.ended
  t.ok(isAlive(pid), 'the command outlives the kill')

  const second = await started(t, place, maestro)
  t.strictSame(second.executor.handshake.open, ['t-1'])
  t.match((await second.executor.receive('tool_result')).payload, { tool_id: 't-1', status: 'interrupted' })
  t.notOk(isAlive(pid))
  second.executor.send({ type: 'run_tool', payload: call })
  t.match((await second.executor.receive('tool_result')).payload, { status: 'interrupted' }, 'and never runs again')
  second.executor.send({
    type: 'run_tool',
    payload: { ...call, tool_id: 't-2', parameters: { command: 'echo again' } },
  })
  t.match((await second.executor.receive('tool_result')).payload, { tool_id: 't-2', status: 'success' })
})

test('a daemon that was stopped for a while is back within seconds (DM-09)', async (t) => {
  const maestro = await startTestMaestro(t)
  const place = newPlace(t)
  const running = run(t, { ...place.environment, CODEGEN_MAESTRO_URL: maestro.url })
  const executor = await maestro.next()
  executor.welcome({ heartbeat_ms: 50 })
  running.child.kill('SIGSTOP')
  executor.socket.terminate()
  await new Promise((resolve) => setTimeout(resolve, 300))
  running.child.kill('SIGCONT')
  const second = await maestro.next()
  second.welcome()
  const client = await connectClient(t, socketOf(place))
  await until(async () => (await client.request('daemon/status', {})).maestro.state === 'connected')
  t.pass('connected again')
})

test('it opens no TCP port, and all it keeps is for its owner alone (R12)', async (t) => {
  const maestro = await startTestMaestro(t)
  const place = newPlace(t)
  const { child } = await started(t, place, maestro)
  const listening = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .filter((line) => line.split(/\s+/)[4] === '0A')
  const inodes = new Set(listening.map((line) => line.split(/\s+/)[10]))
  const open = readdirSync(`/proc/${child.pid}/fd`).flatMap((fd) => {
    const target = readlinkSync(`/proc/${child.pid}/fd/${fd}`)
    return /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []
  })
  t.ok(open.length > 0)
  t.strictSame(
    open.filter((inode) => inodes.has(inode)),
    [],
  )
  t.equal(statSync(place.home).mode & 0o777, 0o700)
  for (const file of ['executor.json', 'log/codegend.log', 'run/codegend.sock']) {
    t.equal(statSync(join(place.home, file)).mode & 0o777, 0o600, file)
  }
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}
