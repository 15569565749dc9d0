import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { limits } from '#limits'
import { startEmbeddedPostgres } from './embedded.ts'
import { logInto } from './embedded-log.ts'
import type { EmbeddedConnection } from './embedded-postmaster.ts'

const isLinux = process.platform === 'linux'
const isRoot = process.getuid?.() === 0
const onLinux = isLinux ? {} : { skip: 'reads /proc' }
const withRoot = isLinux && isRoot ? {} : { skip: 'only root on Linux can be somebody else' }
const starter = fileURLToPath(import.meta.resolve('./test-embedded-starter.ts'))
const quiet = (): void => {}

const base = mkdtempSync(join(tmpdir(), 'embedded-'))
chmodSync(base, 0o755)
t.teardown(() => rmSync(base, { recursive: true, force: true }))
let places = 0

/** A folder with a database made before, so that only one test makes one from nothing. */
const template = join(base, 'template')
function place(of: { isEmpty?: boolean; in?: string } = {}): string {
  const folder = join(of.in ?? base, `p${places++}`)
  if (!of.isEmpty) cpSync(template, folder, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true })
  if (!of.isEmpty) chmodSync(join(folder, 'data'), 0o700)
  return folder
}

async function query<Row extends object>(connection: EmbeddedConnection, text: string): Promise<Row[]> {
  const client = new pg.Client({ ...connection })
  await client.connect()
  try {
    return (await client.query<Row>(text)).rows
  } finally {
    await client.end()
  }
}

/** The processes that work in a data folder, the first one first. */
function processesOf(folder: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/cwd`) === join(folder, 'data')
      } catch {
        return false
      }
    })
    .map(Number)
    .toSorted((a, b) => a - b)
}

async function until(holds: () => boolean, msMax = 10_000): Promise<boolean> {
  const late = performance.now() + msMax
  while (!holds() && performance.now() < late) await new Promise((resolve) => setTimeout(resolve, 10))
  return holds()
}

/** What is answered once somebody answers. */
async function untilAnswered(connection: EmbeddedConnection, text: string): Promise<unknown[]> {
  const late = performance.now() + 20_000
  for (;;) {
    try {
      return await query(connection, text)
    } catch (error) {
      if (performance.now() > late) throw error
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}

function postmasterOf(folder: string): number {
  return Number(readFileSync(join(folder, 'data', 'postmaster.pid'), 'utf8').split('\n')[0])
}

type Starter = { child: ChildProcess; connection: EmbeddedConnection; said(): string }

/** Starts it from a process of its own, as this command line. */
async function startElsewhere(t: Test, args: string[], of: { wrap?: string[]; path?: string } = {}): Promise<Starter> {
  const [file = '', ...rest] = [...(of.wrap ?? []), process.execPath, '--conditions=codegen-source', starter, ...args]
  const env = { ...process.env, PATH: of.path ?? process.env['PATH'], OPENAI_API_KEY: 'canary-5d1f' }
  const child = spawn(file, rest, { env, stdio: ['pipe', 'pipe', 'pipe'] })
  t.teardown(() => child.kill('SIGKILL'))
  let said = ''
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output += chunk))
  await until(() => output.includes('\n') || child.exitCode !== null, 60_000)
  if (!output.includes('\n')) throw new Error(`the starter ended: ${said}`)
  return { child, connection: JSON.parse(output) as EmbeddedConnection, said: () => said }
}

async function stopElsewhere(starter: Starter): Promise<void> {
  starter.child.stdin?.end()
  if (starter.child.exitCode === null) await once(starter.child, 'exit')
}

t.test('the first start makes a private database without a port, and a stop leaves nothing', async (t) => {
  const postgres = await startEmbeddedPostgres({ folder: template, log: quiet })
  const { connection } = postgres
  const [row] = await query<Record<string, string>>(
    connection,
    `SELECT current_setting('listen_addresses') AS addresses, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit,
     current_setting('server_encoding') AS encoding, current_setting('server_version_num') AS version`,
  )
  t.strictSame(
    { ...row, version: undefined },
    { addresses: '', fsync: 'on', commit: 'on', encoding: 'UTF8', version: undefined },
  )
  t.ok(Number(row?.['version']) >= 180_000)
  t.equal(statSync(template).mode & 0o777, 0o700)
  t.equal(statSync(join(connection.host, '.s.PGSQL.5432')).mode & 0o777, 0o700)
  if (isLinux) {
    const pids = processesOf(template)
    t.ok(pids.length >= 4)
    t.strictSame(tcpSocketsOf(pids), [])
    t.ok(memoryOf(pids) <= 40, `${memoryOf(pids)} MB`)
  }
  await postgres.stop()
  if (isLinux) t.strictSame(processesOf(template), [])
  t.notOk(existsSync(join(connection.host, '.s.PGSQL.5432')))
  t.strictSame(readdirSync(template).toSorted(), ['data', 'postgres.log'])
})

function tcpSocketsOf(pids: number[]): string[] {
  const inodes = ['tcp', 'tcp6', 'udp', 'udp6'].flatMap((kind) =>
    readFileSync(`/proc/net/${kind}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/)[9]),
  )
  return pids
    .flatMap((pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`)))
    .filter((link) => inodes.some((inode) => inode && link === `socket:[${inode}]`))
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}

/** Megabytes that would be free without these processes: what they share is counted once. */
function memoryOf(pids: number[]): number {
  const kilobytes = pids.map((pid) =>
    Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]),
  )
  return Math.round(kilobytes.reduce((sum, one) => sum + one, 0) / 1024)
}

t.test('what was saved is there after a stop and after a kill of everything', async (t) => {
  const folder = place()
  const first = await startEmbeddedPostgres({ folder, log: quiet })
  await query(first.connection, 'CREATE TABLE kept AS SELECT 1 AS n')
  await first.stop()

  const second = await startElsewhere(t, [folder])
  await query(second.connection, 'INSERT INTO kept VALUES (2)')
  // It leaves by itself once whoever started it is gone.
  const postmaster = postmasterOf(folder)
  second.child.kill('SIGKILL')
  await once(second.child, 'exit')
  if (processesOf(folder).includes(postmaster)) process.kill(postmaster, 'SIGKILL')
  if (isLinux) await until(() => processesOf(folder).length === 0)

  // Its number belongs to somebody else by now, in both files that name it.
  for (const file of [join(folder, 'data', 'postmaster.pid'), join(folder, '.s.PGSQL.5432.lock')]) {
    if (existsSync(file)) writeFileSync(file, readFileSync(file, 'utf8').replace(/^\d+/, String(process.pid)))
  }
  const third = await startEmbeddedPostgres({ folder, log: quiet })
  t.strictSame(await query(third.connection, 'SELECT n FROM kept ORDER BY n'), [{ n: 1 }, { n: 2 }])
  await third.stop()
})

t.test('one that ends by itself is started again, and what was saved is there', async (t) => {
  const folder = place()
  const told: string[] = []
  const own = await startEmbeddedPostgres({ folder, log: (message) => told.push(message) })
  t.teardown(() => own.stop())
  await query(own.connection, 'CREATE TABLE kept AS SELECT 1 AS n')
  for (let time = 1; time <= 2; time += 1) {
    process.kill(postmasterOf(folder), 'SIGKILL')
    await until(() => told.length === time)
    t.match(told.at(-1), /ended by itself and is started again/)
    t.strictSame(await untilAnswered(own.connection, 'SELECT n FROM kept'), [{ n: 1 }])
  }
})

t.test('one that was found and is then ended is replaced by one of our own', onLinux, async (t) => {
  const folder = place()
  const { child, connection } = await startElsewhere(t, [folder])
  await query(connection, 'CREATE TABLE kept AS SELECT 1 AS n')
  const told: string[] = []
  const own = await startEmbeddedPostgres({ folder, log: (message) => told.push(message) })
  t.teardown(() => own.stop())
  child.kill('SIGKILL')
  await until(() => told.length > 0)
  t.strictSame(await untilAnswered(own.connection, 'SELECT n FROM kept'), [{ n: 1 }])
})

t.test('it ends with the process that started it, and the next start has all that was saved', onLinux, async (t) => {
  const folder = place()
  const { child, connection } = await startElsewhere(t, [folder])
  await query(connection, 'CREATE TABLE kept AS SELECT 7 AS n')
  child.kill('SIGKILL')
  await once(child, 'exit')
  const next = await startEmbeddedPostgres({ folder, log: quiet })
  t.strictSame(await query(next.connection, 'SELECT n FROM kept'), [{ n: 7 }])
  await next.stop()
  t.strictSame(processesOf(folder), [])
})

t.test('it leaves by itself within a second of a kill', onLinux, async (t) => {
  const folder = place()
  const { child } = await startElsewhere(t, [folder])
  child.kill('SIGKILL')
  await once(child, 'exit')
  t.ok(await until(() => processesOf(folder).length === 0, 1_000))
})

t.test(
  'where it cannot end by itself the next start takes it over, and ends it unless others use it',
  onLinux,
  async (t) => {
    const folder = place()
    // A system without setpriv.
    const path = mkdtempSync(join(base, 'bin-'))
    symlinkSync(execFileSync('sh', ['-c', 'command -v unshare'], { encoding: 'utf8' }).trim(), join(path, 'unshare'))
    const { child, connection } = await startElsewhere(t, [folder], { path })
    const pid = postmasterOf(folder)
    t.teardown(() => processesOf(folder).forEach((one) => process.kill(one, 'SIGKILL')))
    child.kill('SIGKILL')
    await once(child, 'exit')

    const first = await startEmbeddedPostgres({ folder, log: quiet })
    t.equal(postmasterOf(folder), pid)
    const client = new pg.Client({ ...connection })
    await client.connect()
    await first.stop()
    t.strictSame((await client.query('SELECT 1 AS n')).rows, [{ n: 1 }], 'it stays for who is connected')
    await client.end()

    const second = await startEmbeddedPostgres({ folder, log: quiet })
    await until(() => processesOf(folder).length > 0)
    await second.stop()
    t.strictSame(processesOf(folder), [])
  },
)

t.test('two that start it at once from nothing share one', async (t) => {
  const folder = place({ isEmpty: true })
  const both = await Promise.all([1, 2].map(() => startEmbeddedPostgres({ folder, log: quiet })))
  for (const one of both) await query(one.connection, 'SELECT 1')
  const starts = readFileSync(join(folder, 'postgres.log'), 'utf8').match(/ready to accept connections/g)
  t.equal(starts?.length, 1)
  await Promise.all(both.map((one) => one.stop()))
  if (isLinux) t.strictSame(processesOf(folder), [])
  t.strictSame(
    readdirSync(folder).filter((name) => name.startsWith('data')),
    ['data'],
  )
})

t.test('a guest ends only what it has started and nobody else uses', async (t) => {
  const folder = place()
  const isGuest = true
  const host = await startEmbeddedPostgres({ folder, log: quiet })
  const guest = await startEmbeddedPostgres({ folder, log: quiet, isGuest })
  await guest.stop()
  await query(host.connection, 'SELECT 1')
  await host.stop()

  const early = await startEmbeddedPostgres({ folder, log: quiet, isGuest })
  const late = await startEmbeddedPostgres({ folder, log: quiet })
  const user = new pg.Client({ ...late.connection })
  await user.connect()
  await early.stop()
  t.strictSame((await user.query('SELECT 1 AS n')).rows, [{ n: 1 }], 'who found it keeps it')
  await user.end()
  await late.stop()
  await t.rejects(query(late.connection, 'SELECT 1'))

  const alone = await startEmbeddedPostgres({ folder, log: quiet, isGuest })
  await query(alone.connection, 'SELECT 1')
  await alone.stop()
  await t.rejects(query(alone.connection, 'SELECT 1'))
})

t.test('a folder too deep for a socket gets a short private one for it, the same each time', async (t) => {
  const deep = join(base, 'd'.repeat(limits.embedded.socketPathBytesMax))
  mkdirSync(deep)
  const folder = place({ in: deep })
  const first = await startEmbeddedPostgres({ folder, log: quiet })
  t.teardown(() => rmSync(first.connection.host, { recursive: true, force: true }))
  t.equal(statSync(first.connection.host).mode & 0o777, 0o700)
  await query(first.connection, 'SELECT 1')
  await first.stop()
  const second = await startEmbeddedPostgres({ folder, log: quiet })
  t.equal(second.connection.host, first.connection.host)
  await second.stop()

  // What others may enter is not used again.
  chmodSync(first.connection.host, 0o777)
  const third = await startEmbeddedPostgres({ folder, log: quiet })
  t.teardown(() => rmSync(third.connection.host, { recursive: true, force: true }))
  t.not(third.connection.host, first.connection.host)
  await third.stop()
})

t.test('it sees no key of ours and no Ctrl-C of our terminal', onLinux, async (t) => {
  const folder = place()
  const starter = await startElsewhere(t, [folder])
  const pid = postmasterOf(folder)
  t.notMatch(readFileSync(`/proc/${pid}/environ`, 'utf8'), /canary-5d1f/)
  const session = (of: number | undefined) =>
    readFileSync(`/proc/${of}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')[3]
  t.not(session(pid), session(starter.child.pid))
  await stopElsewhere(starter)
  t.strictSame(processesOf(folder), [])
})

t.test('an ordinary user runs it as himself', withRoot, async (t) => {
  const home = mkdtempSync(join(base, 'home-'))
  const folder = place({ in: home })
  const wrap = ordinaryUser(home)
  const starter = await startElsewhere(t, [folder], { wrap })
  await query(starter.connection, 'SELECT 1')
  t.equal(statSync(join(folder, 'data')).uid, statSync(home).uid)
  await stopElsewhere(starter)
  t.strictSame(processesOf(folder), [])
})

/** A command that runs another as nobody, who owns `home` then; where nobody may not read this checkout, as the ordinary user of a namespace. */
function ordinaryUser(home: string): string[] {
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  try {
    execFileSync(
      'setpriv',
      [...nobody.slice(1), process.execPath, '-e', `require('node:fs').readFileSync(${JSON.stringify(starter)})`],
      { stdio: 'ignore', cwd: '/' },
    )
    execFileSync('chown', ['-R', '65534:65534', home])
    return nobody
  } catch {
    return ['unshare', '--user', '--map-user=1000', '--map-group=1000']
  }
}

t.test(
  'root without namespaces runs it as nobody, with binaries and data where nobody may enter',
  withRoot,
  async (t) => {
    const path = mkdtempSync(join(base, 'bin-'))
    writeFileSync(
      join(path, 'unshare'),
      '#!/bin/sh\necho "unshare: unshare failed: Operation not permitted" >&2\nexit 1\n',
      { mode: 0o755 },
    )
    const shared = mkdtempSync(join(base, 'shared-'))
    chmodSync(shared, 0o755)
    const folder = place({ isEmpty: true })
    for (const n of [1, 2]) {
      const starter = await startElsewhere(t, [folder, shared], { path: `${path}:${process.env['PATH']}` })
      await query(starter.connection, `CREATE TABLE kept_${n} AS SELECT 1`)
      t.not(statSync(join(starter.connection.host, 'data')).uid, 0)
      t.equal(statSync(starter.connection.host).mode & 0o777, 0o700)
      t.ok(starter.connection.host.startsWith(shared))
      await stopElsewhere(starter)
      t.strictSame(processesOf(starter.connection.host), [])
    }
    t.ok(existsSync(join(folder, 'postgres.log')), 'what root writes is where only root can')
    chmodSync(shared, 0o700)
    await t.rejects(
      startElsewhere(t, [folder, shared], { path: `${path}:${process.env['PATH']}` }),
      /neither in a namespace nor as nobody.*DATABASE_URL/,
    )
  },
)

t.test('what keeps it from starting is one sentence with the way around it', async (t) => {
  const file = join(base, 'file')
  writeFileSync(file, '')
  await t.rejects(startEmbeddedPostgres({ folder: file, log: quiet }), {
    code: 'postgres.unreachable',
    message: /folder .*file cannot be made.*DATABASE_URL/,
  })

  const old = place()
  writeFileSync(join(old, 'data', 'PG_VERSION'), '9.6\n')
  await t.rejects(startEmbeddedPostgres({ folder: old, log: quiet }), {
    code: 'postgres.unreachable',
    message: /incompatible with server.*postgres\.log.*DATABASE_URL/,
  })
})

t.test('a cancelled start leaves nothing', async (t) => {
  const folder = place({ isEmpty: true })
  const abort = new AbortController()
  const starting = startEmbeddedPostgres({ folder, log: quiet, signal: abort.signal })
  await until(() => existsSync(folder) && readdirSync(folder).length > 0)
  abort.abort()
  await t.rejects(starting, { name: 'AbortError' })
  t.strictSame(readdirSync(folder), [])
})

t.test('its log is bounded', async (t) => {
  const file = join(base, 'bounded.log')
  const source = new PassThrough()
  let lines = 0
  logInto(file, source, () => lines++)
  const some = `${'x'.repeat(999)}\n`.repeat(50)
  for (let n = 0; n < 70; n++) if (!source.write(some)) await once(source, 'drain')
  source.end()
  await until(() => lines === 3_500)
  t.ok(statSync(file).size <= limits.embedded.logBytesMax)
  t.ok(statSync(`${file}.old`).size <= limits.embedded.logBytesMax)
})
