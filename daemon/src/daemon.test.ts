import { mkdirSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { startTestMaestro } from '#link/test-maestro'
import { connectClient, newPlace, until } from './test-daemon.ts'
import { run, socketOf, started } from './test-process.ts'

test('--help and --version answer and leave; anything else is a usage error', async (t) => {
  const { environment } = newPlace(t)
  const answers = await Promise.all(['--help', '--version', '--prot'].map((flag) => run(t, environment, [flag]).ended))
  t.match(answers[0], { code: 0, stdout: /CODEGEN_MAESTRO_URL/, stderr: '' })
  t.match(answers[1], { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ })
  t.match(answers[2], { code: 2, stdout: '', stderr: 'codegend takes no "--prot"; see codegend --help.\n' })
})

test('a wrong config, an address with a secret and a home that cannot be made are one sentence and exit 2 (DM-15)', async (t) => {
  const place = newPlace(t)
  mkdirSync(place.home, { mode: 0o700 })
  writeFileSync(join(place.home, 'config.json'), '{"maestro":"x"}')
  const { environment } = newPlace(t)
  const wrong: [typeof environment, RegExp][] = [
    [place.environment, /^.*config\.json has an unknown key "maestro"/],
    [{ ...environment, CODEGEN_MAESTRO_URL: 'ws://me:hidden@localhost:7717' }, /^CODEGEN_MAESTRO_URL/],
    [
      { ...environment, CODEGEN_HOME: '/proc/codegen' },
      /^The folder \/proc\/codegen cannot be made or used \(ENOENT\)/,
    ],
  ]
  const endings = await Promise.all(wrong.map(([given]) => run(t, given).ended))
  for (const [index, { code, stderr }] of endings.entries()) {
    t.equal(code, 2)
    t.match(stderr, wrong[index]?.[1])
    t.match(stderr, /^[^\n]+\.\n$/)
    t.notMatch(stderr, /hidden/)
  }
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
