import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import tap, { before, test } from 'tap'
import { listFamily } from '#demo/processes'
import { stopDaemon } from '#demo/stop-daemon'
import { createSystem } from '#support/system'
import type { Ended, System } from '#support/system'

const shell = (command: string) => ({ tool: 'Shell', arguments: { command } })

const conversations = [
  {
    name: 'work',
    when: 'set the port to 2',
    steps: [
      { text: 'I look. ', calls: [{ tool: 'ReadFile', arguments: { file_path: 'src/app.js' } }] },
      {
        expect: [{ contains: 'const port = 1' }],
        calls: [{ tool: 'Edit', arguments: { file_path: 'src/app.js', old_string: '= 1', new_string: '= 2' } }],
      },
      {
        calls: [
          { tool: 'WriteFile', arguments: { file_path: 'new/b.txt', content: 'b\n' } },
          shell('cat src/app.js; git status --short'),
        ],
      },
      { expect: [{ contains: 'const port = 2', results: 2 }, { contains: 'new/' }], text: 'The port is 2 now.' },
    ],
  },
  {
    name: 'events',
    when: 'show events',
    steps: [{ text: 'a b c', calls: [shell('echo out')] }, { text: 'Shown.' }],
  },
  {
    name: 'denied',
    when: 'try to write',
    steps: [
      { calls: [{ tool: 'ReadFile', arguments: { file_path: 'a.txt' } }] },
      { expect: [{ contains: 'one' }], calls: [shell('touch made')] },
      { expect: [{ contains: 'not allowed' }], text: 'I was not allowed.' },
    ],
  },
  {
    name: 'long',
    when: 'take long',
    steps: [{ calls: [shell('echo $$ > pid; echo begun; sleep 600')] }, { text: 'never' }],
  },
  { name: 'same', when: 'loop the same', steps: [{ loop: 9, calls: [shell('echo x >> count')] }] },
  {
    name: 'wrong',
    when: 'loop wrongly',
    steps: [{ loop: 9, calls: [{ tool: 'Shell', raw: '{"command": 7, "n": {{n}}}' }] }],
  },
  { name: 'many', when: 'loop on', steps: [{ loop: 9, calls: [shell('echo {{n}}')] }] },
  {
    name: 'stumble',
    when: 'stumble',
    steps: [{ text: 'All is well in the end.', faults: [{ status: 500 }, { cut: 2 }] }],
  },
  { name: 'greet', when: 'greet', steps: [{ text: 'Hello.' }] },
]

let system: System

before(async () => {
  system = await createSystem(tap, {
    files: {
      'a.txt': 'one\n',
      'src/app.js': 'const port = 1\n',
      'AGENTS.md': 'Speak of ports in decimal.\n',
      '.codegen/plan.md': '1. Whistle\n',
    },
    scenario: { conversations },
  })
})

type Event = { event_id: string; type: string; payload: Record<string, unknown> }

function eventsOf(stdout: string): Event[] {
  return stdout
    .trim()
    .split('\n')
    .map((line): Event => JSON.parse(line))
}

const factsIn = (ended: Ended): Event[] => eventsOf(ended.stdout).filter((event) => event.event_id?.endsWith('-0'))

test('a prompt goes all the way round with nothing configured but a model', async (t) => {
  const ended = await system.codegen(['--auto', 'set the port to 2'])
  t.equal(ended.code, 0, ended.stderr)
  t.match(ended.stderr, /starting codegend/)
  for (const shown of [
    /I look\./,
    /Edit src\/app\.js/,
    /-const port = 1\n/,
    /\+const port = 2\n/,
    /The port is 2 now\./,
    /4 turns/,
  ])
    t.match(ended.stdout, shown)
  t.equal(await readFile(join(system.project, 'src/app.js'), 'utf8'), 'const port = 2\n')
  t.match((await system.codegen(['runs'])).stdout, /completed.*set the port to 2/)
})

test('before the first question the model is shown where it is, what is there, the plan and the history', (t) => {
  const [first] = system.model.requests
  const body = JSON.stringify(first?.body)
  for (const shown of [
    'GetWorkingDirectory',
    system.project,
    'src/',
    '1. Whistle',
    'The first commit',
    'Speak of ports',
  ])
    t.ok(body.includes(shown), `the first request tells of ${shown}`)
  t.ok((first?.bytes ?? Infinity) <= 8 * 1024, 'it is small')
  t.end()
})

test('the local boundary is private: folder 0700, socket 0600, no port', async (t) => {
  t.equal(statSync(join(system.home, 'run')).mode & 0o777, 0o700)
  t.equal(statSync(join(system.home, 'run', 'codegend.sock')).mode & 0o777, 0o600)
  t.equal(statSync(join(system.home, 'run', 'maestro.sock')).mode & 0o777, 0o600)
  const status: unknown = JSON.parse((await system.codegen(['status', '--json'])).stdout)
  const family = await listFamily(Number(isRecord(status) && status['pid']))
  t.ok(family.length >= 3, 'codegend, its Maestro and their Postgres')
  t.strictSame(await listeningPorts(family), [])
})

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Local TCP addresses on which these processes listen, from the kernel's own tables. */
async function listeningPorts(pids: readonly number[]): Promise<string[]> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readFile(`/proc/net/${name}`, 'utf8').catch(() => '')))
  const rows = tables.flatMap((table) => table.split('\n').map((row) => row.trim().split(/\s+/)))
  const listening = new Map(rows.filter((row) => row[3] === '0A').map((row) => [`socket:[${row[9]}]`, row[1] ?? '']))
  const open = pids.flatMap((pid) => readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`)))
  return open.flatMap((link) => listening.get(link) ?? [])
}

test('--json is the events of the wire, one a line, and log and attach tell the same story', async (t) => {
  const ended = await system.codegen(['--auto', '--json', 'show events'])
  t.equal(ended.code, 0, ended.stderr)
  t.strictSame(
    factsIn(ended).map((event) => event.type),
    [
      'run_started',
      'toolbelt',
      ...Array.from({ length: 4 }, () => 'tool_call'),
      ...Array.from({ length: 4 }, () => 'bootstrap_result'),
      ...['agent_message', 'usage', 'tool_call', 'tool_call_finished', 'agent_message', 'usage', 'run_finished'],
    ],
  )
  const events = eventsOf(ended.stdout)
  t.ok(
    events.some((event) => event.type === 'agent_message_delta'),
    'deltas come as the model makes them',
  )
  const id = String(events[0]?.payload['generation_id'])
  t.strictSame(factsIn(await system.codegen(['log', '--json', id.slice(0, 8)])), factsIn(ended))
  const attached = await system.codegen(['attach', id])
  t.equal(attached.code, 0)
  t.match(attached.stdout, /Shown\./)
})

test('without a terminal a call that is not read-only is denied, and codegen says so with 5', async (t) => {
  const ended = await system.codegen(['try to write'])
  t.equal(ended.code, 5, ended.stdout)
  t.match(ended.stderr, /no terminal/)
  t.match(ended.stdout, /I was not allowed\./)
  const readOnly = await system.codegen(['--read-only', 'try to write'])
  t.equal(readOnly.code, 0, readOnly.stderr)
  t.match(readOnly.stdout, /may only read/)
  t.notOk(existsSync(join(system.project, 'made')))
})

test('Ctrl-C cancels the run: its command is gone and codegen ends with 130', async (t) => {
  const child = system.startCodegen(['--auto', '--json', 'take long'])
  let stdout = ''
  await new Promise<void>((resolve) => {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (stdout.includes('begun\\n')) resolve()
    })
  })
  const pid = Number(readFileSync(join(system.project, 'pid'), 'utf8'))
  child.kill('SIGINT')
  t.equal(await new Promise((resolve) => child.once('close', resolve)), 130)
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'the command has ended')
  const events = eventsOf(stdout)
  const call = events.find((event) => event.type === 'tool_call_finished')
  t.match(call?.payload, { tool_name: 'Shell', status: 'cancelled' })
  t.match(events.at(-1)?.payload, { status: 'cancelled' })
})

test('loops end: the same call three times, wrong arguments three times, and turns', async (t) => {
  const same = await system.codegen(['--auto', 'loop the same'])
  t.equal(same.code, 3, same.stderr)
  t.match(same.stdout + same.stderr, /same calls 3 times/)
  t.equal(readFileSync(join(system.project, 'count'), 'utf8'), 'x\nx\n')

  const wrong = await system.codegen(['--auto', 'loop wrongly'])
  t.equal(wrong.code, 1)
  t.match(wrong.stdout + wrong.stderr, /wrongly 3 times/)

  const many = await system.codegen(['--auto', '--max-turns', '4', 'loop on'])
  t.equal(many.code, 3)
  t.match(many.stdout + many.stderr, /turns are used up \(4\)/)
})

test('a model that stumbles is asked again, and the answer is whole', async (t) => {
  const before = system.model.requests.length
  const ended = await system.codegen(['--auto', 'stumble'])
  t.equal(ended.code, 0, ended.stderr)
  t.match(ended.stdout, /All is well in the end\./)
  t.equal(system.model.requests.length - before, 3)
})

test('a codegend that starts again is the same executor, and shows its earlier runs', async (t) => {
  t.strictSame(await stopDaemon(system.home), [], 'it leaves, with all it started')
  const ended = await system.codegen(['--auto', 'greet'])
  t.equal(ended.code, 0, ended.stderr)
  t.match((await system.codegen(['runs'])).stdout, /greet[^]*set the port to 2/)
})
