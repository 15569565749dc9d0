import { existsSync } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import tap, { before, test } from 'tap'
import { createSystem, programPath } from '#support/system'
import type { System } from '#support/system'

const conversations = [
  { name: 'greet', when: 'greet', steps: [{ text: 'Hello.' }] },
  {
    name: 'long',
    when: 'take long',
    steps: [
      { calls: [{ tool: 'Shell', arguments: { command: 'echo begun; sleep 600' } }] },
      { text: 'It was cut off.' },
    ],
  },
]

tap.setTimeout(240_000)
let system: System

before(async () => {
  system = await createSystem(tap, { scenario: { conversations } })
})

const toObject = (line: string) => JSON.parse(line)
const pidIn = (text: string): number => Number(/pid (\d+)/.exec(text)?.[1])

test('codegend is started, stopped and started again by name, and what is asked for twice is no mistake', async (t) => {
  const stop = (): ReturnType<System['codegen']> => system.codegen(['daemon', 'stop'])
  t.match(await stop(), { code: 0, stdout: 'codegend is not running\n', stderr: '' })
  const first = await system.codegen(['daemon', 'start'])
  t.match(first, { code: 0, stdout: /^started codegend \(pid \d+\)\n$/ })
  t.match(await system.codegen(['daemon', 'start']), {
    code: 0,
    stdout: `codegend is running already (pid ${pidIn(first.stdout)})\n`,
  })
  t.match(await stop(), { code: 0, stdout: `stopped codegend (pid ${pidIn(first.stdout)})\n` })
  t.equal(existsSync(join(system.home, 'run', 'codegend.sock')), false)
  t.match(await system.codegen(['daemon', 'restart']), { code: 0, stdout: /^started codegend .*; none was running\n$/ })
})

test('a restart that is to be now interrupts an open call, says so, and the run goes on', async (t) => {
  const run = system.startCodegen(['--auto', 'take long'])
  run.stdout?.resume()
  const ended = new Promise<number | null>((resolve) => run.on('close', resolve))
  for (;;) {
    const { stdout } = await system.codegen(['status', '--json'])
    if (JSON.parse(stdout || '{}').calls_open > 0) break
  }
  t.match(await system.codegen(['daemon', 'restart', '--now']), {
    code: 0,
    stdout: /^restarted codegend \(pid \d+, now \d+\); one open call was interrupted\n$/,
  })
  t.equal(await ended, 0)
  const [{ generation_id: id }] = (await system.codegen(['runs', '--json'])).stdout
    .split('\n')
    .slice(0, 1)
    .map(toObject)
  t.match((await system.codegen(['log', id])).stdout, /sleep 600 {2}interrupted[^]*It was cut off\./)
})

const linesOf = (text: string) => text.trimEnd().split('\n').filter(Boolean)

test('doctor says of each thing that it is well, or what to do, and shows no secret', async (t) => {
  await system.codegen(['daemon', 'stop'])
  const without = await system.codegen(['doctor'])
  t.equal(without.code, 1)
  t.match(without.stdout, /^ok {2}codegen .*Node 24/m)
  t.match(without.stdout, /^NOT codegend {2}codegend is not running.*\n {14}codegen daemon start/m)
  t.match(without.stdout, /^ok {2}disk .*GB free/m)
  t.notMatch(without.stdout, /^... (maestro|model|postgres)/m)

  const secret = { OPENAI_API_KEY: 'sk-canary-1234567890', CODEGEN_MODEL: 'nowhere-9' }
  await system.codegen(['daemon', 'start'], { env: secret })
  const wrong = await system.codegen(['doctor'])
  t.equal(wrong.code, 1)
  t.match(wrong.stdout, /^NOT model .*has no model nowhere-9; it offers scripted: set CODEGEN_MODEL\.$/m)
  t.match(wrong.stdout, /^ok {2}postgres {2}PostgreSQL \d/m)
  t.notMatch(wrong.stdout + wrong.stderr, /canary/)

  await system.codegen(['daemon', 'restart'])
  const well = await system.codegen(['doctor', '--json'])
  t.equal(well.code, 0, well.stdout)
  const checks = linesOf(well.stdout).map(toObject)
  t.ok(checks.every(({ ok }) => ok))
  const names = ['codegen', 'codegend', 'maestro', 'model', 'postgres', 'redis', 'tools']
  t.same(
    checks.map(({ name }) => name),
    [...names, 'settings', 'folders', 'disk', 'sandbox', 'service'],
  )
})

test('a Maestro that cannot start is told by doctor with its own reason', async (t) => {
  await system.codegen(['daemon', 'stop'])
  const env = { DATABASE_URL: 'postgres://user:canary@127.0.0.1:9/none' }
  await system.codegen(['daemon', 'start'], { env })
  const { code, stdout } = await system.codegen(['doctor'])
  t.equal(code, 1)
  t.match(stdout, /^NOT maestro .*Postgres.*\n {14}codegen logs tells more\.$/m)
  t.notMatch(stdout, /canary/)
  await system.codegen(['daemon', 'restart'])
})

test('logs shows the newest lines, filters them, follows, and works without codegend', async (t) => {
  t.equal((await system.codegen(['--auto', 'greet'])).code, 0)
  const last = await system.codegen(['logs', '-n', '3', '--json'])
  t.match(linesOf(last.stdout).map(toObject), [{ source: 'codegend' }, { message: 'call' }, { message: 'call' }])

  const following = system.startCodegen(['logs', '--follow', '--lines=0'])
  t.teardown(() => following.kill())
  let seen = ''
  following.stdout?.on('data', (text: Buffer) => (seen += text.toString()))
  const until = async (pattern: RegExp): Promise<void> => {
    while (!pattern.test(seen)) await new Promise((resolve) => following.stdout?.once('data', resolve))
  }
  // It follows as soon as its connection is there; runs go on until one of their calls is seen.
  const shown = until(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d info {2}call tool=Shell .*status=success/m)
  let isShown = false
  shown.then(() => (isShown = true)).catch(t.error)
  while (!isShown) await system.codegen(['--auto', 'greet'])
  const left = new Promise((resolve) => following.on('close', resolve))

  const [id] = linesOf((await system.codegen(['runs', '--json'])).stdout).map((line) => toObject(line).generation_id)
  const ofRun = linesOf((await system.codegen(['logs', '--run', id.slice(0, 8), '--json'])).stdout).map(toObject)
  t.equal(ofRun.length, 4)
  t.ok(ofRun.every(({ fields }) => fields.run === id))

  await system.codegen(['daemon', 'stop'])
  t.equal(await left, 0)
  t.match(seen, /info {2}stopping/)
  const warnings = await system.codegen(['logs', '--level', 'warn'])
  t.match(warnings, { code: 0, stderr: '' })
  t.notMatch(warnings.stdout, /info/)
  t.equal(linesOf((await system.codegen(['logs', '-n', '7'])).stdout).length, 7)
  t.match(await system.codegen(['logs', '--level', 'loud']), { code: 2, stderr: /--level takes info, warn or error/ })
  t.match(await system.codegen(['logs', '-n', '-1']), { code: 2, stderr: /--lines takes a number/ })
})

test('the login service starts codegend, with the settings it was given, and is taken away again', async (t) => {
  await system.codegen(['daemon', 'stop'])
  const bin = join(system.home, '..', 'bin')
  await mkdir(bin, { recursive: true })
  // There is no systemd of this user where tests run. This one does what it is told of the one unit.
  const launcher = join(system.home, 'service', 'start-codegend')
  const start = `setsid /bin/sh '${launcher}' --take-over > /dev/null 2>&1 < /dev/null &`
  await writeFile(
    join(bin, 'systemctl'),
    `#!/bin/sh\ncase $2 in restart) ${start} ;; reload-or-restart) /bin/sh '${launcher}' --reload ;; esac\n`,
    { mode: 0o755 },
  )
  const env = {
    PATH: `${bin}:${process.env['PATH']}`,
    MAESTRO_SAYS: 'x',
    XDG_CONFIG_HOME: join(system.home, '..', 'config'),
  }
  const codegen = (...words: string[]) => system.codegen(words, { env })

  const installed = await codegen('service', 'install', '--with-env', 'NOT_SET_HERE')
  t.equal(installed.code, 2, 'a variable that is not set here is refused')
  const given = Object.keys(system.env).filter((name) => /^(OPENAI|CODEGEN_MODEL)/.test(name))
  t.match(await codegen('service', 'install', '--with-env', given.join(',')), {
    code: 0,
    stdout:
      /^wrote .*start-codegend\nwrote .*environment\nwrote .*codegend\.service\ncodegend runs, and starts at each login\n/,
  })
  t.match(await codegen('service', 'status'), {
    code: 0,
    stdout: /^systemd user unit .*codegend\.service, running; starts /,
  })
  t.match((await codegen('doctor')).stdout, /^ok {2}service +systemd user unit/m)
  // Without these in the terminal, the service's own settings are all there is.
  const bare = Object.fromEntries(given.map((name) => [name, '']))
  const restarted = await system.codegen(['daemon', 'restart'], { env: { ...env, ...bare } })
  t.match(restarted, { code: 0, stdout: /^(re)?started codegend by the login service/ })
  t.match(await system.codegen(['--auto', 'greet'], { env: { ...env, ...bare } }), { code: 0, stdout: /Hello\./ })

  t.match(await codegen('service', 'uninstall'), {
    code: 0,
    stdout: /removed .*codegend\.service\n.*\n.*\n.*no more\n$/,
  })
  t.match(await codegen('service', 'status'), { code: 1, stdout: /^not installed/ })
  t.equal(existsSync(join(system.home, 'service')), false)
  t.match(await system.codegen(['service', 'install'], { env: { PATH: '/nowhere' } }), {
    code: 1,
    stderr: /^codegen: There is no systemd for this user here/,
  })
})

test('every line of --json is as its published schema says', async (t) => {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  const schemas = new Map<string, ReturnType<typeof ajv.compile>>()
  const check = async (schema: string, words: string[], linesMin = 1) => {
    const text = await readFile(programPath('protocol/schemas/v1/cli', `${schema}.json`), 'utf8')
    const validate = schemas.get(schema) ?? ajv.compile(JSON.parse(text))
    schemas.set(schema, validate)
    const lines = linesOf((await system.codegen(words)).stdout).map(toObject)
    t.ok(lines.length >= linesMin, words.join(' '))
    for (const line of lines) t.ok(validate(line), `${words.join(' ')}: ${JSON.stringify(line).slice(0, 200)}`)
    return lines
  }
  const events = await check('run', ['--json', '--auto', 'greet'], 10)
  const id = events[0].payload.generation_id
  t.match(events.at(-1), { type: 'run_finished', payload: { status: 'completed' } })
  await check('run', ['log', '--json', id], 10)
  await check('run', ['attach', '--json', id], 10)
  await check('runs', ['runs', '--json'])
  await check('status', ['status', '--json'])
  await check('tools', ['tools', '--json'], 6)
  await check('doctor', ['doctor', '--json'], 10)
  await check('logs', ['logs', '--json'], 5)
  const [refused] = await check('run', ['--json', '--cwd', system.project, '--model', 'no-such-model', 'greet'])
  t.ok(refused)
  for (const [schema, wrong] of [
    ['run', { type: 'run_finished', payload: {} }],
    ['run', { event_id: '1-0', type: 'tool_call', payload: { tool_id: 7 } }],
    ['doctor', { name: 'model', ok: 'yes', says: '' }],
    ['logs', { level: 'loud' }],
  ] as const)
    t.notOk(schemas.get(schema)?.(wrong), `${schema}: ${JSON.stringify(wrong)}`)
})
