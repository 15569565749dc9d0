import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import { commands } from '#commands'
import { renderCommandsPage } from '#commands-page'
import { everywhere } from './options.ts'
import type { FakeAnswers } from '#fake-daemon'
import { installCodegen, message, runCodegen, startPlace } from '#test-codegen'
import type { Test } from '#test-codegen'

const installed = await installCodegen({ after: (clean) => process.on('exit', clean) })

const start = (t: Test, answers?: FakeAnswers) => startPlace(t, installed, answers)

const summary = {
  ...{
    generation_id: 'abcdef01-2',
    session_id: 's',
    status: 'completed',
    prompt: 'do\x1b[2J it\nwell',
    cwd: '/',
    mode: 'ask',
    model: 'm',
  },
  ...{
    created_at: '2026-01-01T00:00:00Z',
    finished_at: '2026-01-01T00:00:09Z',
    turns: 3,
    input_tokens: 1,
    output_tokens: 1,
    error: null,
  },
}

test('runs lists ids that are short and enough', async (t) => {
  const { codegen } = await start(t, {
    'run/list': () => ({
      runs: [summary, { ...summary, generation_id: 'abcdef01-3' }, { ...summary, generation_id: 'ffffffffffff' }],
    }),
  })
  const { stdout } = await codegen(['runs']).ended
  t.match(
    stdout.split('\n').map((line) => line.split(/ {2,}/)),
    [
      ['abcdef01-2', 'completed', '3 turns', /d ago/, 'do\\x1b[2J it …'],
      ['abcdef01-3', 'completed'],
      ['ffffffff', 'completed'],
    ],
  )
  const json = (await codegen(['runs', '--json']).ended).stdout.trimEnd().split('\n')
  t.match(
    json.map((line) => JSON.parse(line)),
    [summary, { generation_id: 'abcdef01-3' }, {}],
  )
})

const replay: FakeAnswers = {
  'run/get': () => summary,
  'run/attach': ({ run, parameters }) => {
    setImmediate(() => {
      message(run, 'All of it.')
      run.finish('failed', { error: { code: 'internal', message: 'It broke.' } })
    })
    return { generation_id: parameters['generation_id'] }
  },
}

test('attach shows a run as if it had been started here; log only shows it', async (t) => {
  const { codegen, daemon } = await start(t, {
    ...replay,
    'run/attach': ({ run }) => {
      setImmediate(() => {
        run.emit('agent_message', { content: 'All of it.', requests: [] })
        run.emit('run_finished', {
          generation_id: 'abcdef01-2',
          status: 'failed',
          error: { code: 'internal', message: 'It broke.' },
        })
      })
      return { generation_id: 'g-1' }
    },
    'run/get': () => ({ ...summary, generation_id: 'g-1' }),
  })
  const attached = await codegen(['attach', 'abc']).ended
  t.match(attached.stdout, /^All of it\.\n\nfailed: /)
  t.match(attached.stderr, /It broke/)
  t.equal(attached.code, 1)
  const logged = await codegen(['log', 'abc']).ended
  t.match(logged.stdout, /^All of it\.\n\nfailed: 9\.0 s/)
  t.equal(logged.code, 0)
  t.same(
    daemon.asked
      .filter(({ method }) => method === 'initialize')
      .map(({ parameters }) => parameters['can_answer_approvals']),
    // Without a terminal attach answers for nobody.
    [false, false],
  )
})

test('log of a run that goes on shows what is on record and leaves', async (t) => {
  const { codegen } = await start(t, {
    'run/get': () => ({ ...summary, generation_id: 'g-1', finished_at: null, last_event_id: '2-0' }),
    'run/attach': ({ run }) => {
      setImmediate(() => {
        message(run, 'one')
        message(run, 'two')
      })
      return { generation_id: 'g-1' }
    },
  })
  const { code, stdout } = await codegen(['log', 'g-1']).ended
  t.equal(code, 0)
  t.equal(stdout, 'one\ntwo\n')
})

test('cancel, tools and status', async (t) => {
  const { codegen, daemon } = await start(t, {
    ...replay,
    'tools/list': () => ({
      tools: [{ name: 'Shell', description: 'Runs.', source: 'built-in', annotations: { readOnly: false } }],
    }),
    'daemon/status': () => ({
      ...{ pid: 7, version: '0.1.0', uptime_ms: 61_000, socket: '/s', home: '/h', executor_id: 'e', log_file: '/l' },
      maestro: { url: 'ws://m', own: true, state: 'connected', model: 'm-1' },
      ...{ runs_open: 1, calls_open: 2, calls_held: 1, tools: ['Shell', 'Edit'] },
    }),
  })
  t.match((await codegen(['cancel', 'abc']).ended).stdout, /asked abcdef01-2 to end/)
  t.match((await daemon.request('run/cancel')).parameters, { generation_id: 'abcdef01-2' })
  t.match((await codegen(['tools']).ended).stdout, /^Shell {2}changes {2}built-in {2}Runs\.\n$/)
  t.match(
    (await codegen(['status']).ended).stdout,
    /codegend {2}0\.1\.0, pid 7, up 61\.0 s\nmaestro {3}connected, its own\nmodel {5}m-1\nopen {6}1 runs, 2 calls, 1 of them in an earlier codegend\n/,
  )
  t.match(JSON.parse((await codegen(['status', '--json']).ended).stdout), { pid: 7, maestro: { own: true } })
})

test('an id that is unknown, or a run that is over, is one sentence and exit 1', async (t) => {
  const { codegen } = await start(t, {
    'run/get': () => {
      throw new Failure('run.unknown', 'There is no run zzz; `codegen runs` lists them.')
    },
  })
  const { code, stderr } = await codegen(['attach', 'zzz']).ended
  t.equal(code, 1)
  t.match(stderr, /^codegen: There is no run zzz/)
})

test('help and version need no daemon', async (t) => {
  for (const words of [['--help'], ['help'], ['-h'], ['add', 'a', 'line', '--help']]) {
    const { code, stdout } = await runCodegen(installed, words).ended
    t.equal(code, 0)
    t.match(stdout, /codegen "add a \/health endpoint"/)
  }
  t.equal((await runCodegen(installed, ['--version']).ended).stdout, 'codegen 0.1.0\n')
})

test('each command has help of its own that names all it takes, however it is asked for', async (t) => {
  for (const { name, operands, options } of commands.filter((command) => command.name !== '' && !command.isHidden)) {
    const words = name.split(' ')
    const asked = [
      [...words, '--help'],
      ['--help', ...words],
      ['help', ...words],
    ]
    const [first, ...same] = await Promise.all(asked.map((line) => runCodegen(installed, line).ended))
    t.equal(first?.code, 0, name)
    t.match(first?.stdout, new RegExp(`^codegen ${name}`))
    for (const other of same) t.equal(other.stdout, first?.stdout, name)
    for (const operand of operands) t.match(first?.stdout, operand.name, name)
    for (const option of options) t.match(first?.stdout, `--${option.name}`, name)
    t.ok(first?.stdout.split('\n').every((line) => line.length <= 120))
  }
})

test('the help of all commands names each one and fits 120 columns', async (t) => {
  const { stdout } = await runCodegen(installed, ['--help']).ended
  for (const { name, isHidden } of commands) t.equal(stdout.includes(`codegen ${name}`), !isHidden, name)
  t.ok(stdout.split('\n').every((line) => line.length <= 120))
  const { code, stderr } = await runCodegen(installed, ['help', 'fly']).ended
  t.equal(code, 2)
  t.match(stderr, /^codegen: There is no codegen fly; codegen --help lists the commands\.\n$/)
})

test('an option means the same wherever it is taken', async (t) => {
  const options = [...everywhere, ...commands.flatMap((command) => command.options)]
  const different = [...new Set(options)]
  const names = different.flatMap(({ name, short }) => (short === undefined ? [name] : [name, short]))
  t.same(names, [...new Set(names)])
})

test('docs/commands.md is what the table says', async (t) => {
  const page = await readFile(join(import.meta.dirname, '../../../docs/commands.md'), 'utf8')
  t.equal(page, renderCommandsPage(commands), 'npm run commands-page writes it')
})

test('the README names every command', async (t) => {
  const readme = await readFile(join(import.meta.dirname, '../../../README.md'), 'utf8')
  for (const { name, isHidden } of commands) {
    const [first, second] = name.split(' ')
    const isNamed = readme
      .split('\n')
      .some((line) => line.startsWith(`codegen ${first}`) && line.includes(second ?? ''))
    t.ok(isHidden || name === '' || name === 'help' || name === 'version' || isNamed, name)
  }
})

test('what the product names is there with its options, or says in a sentence that it is not yet; wrong usage exits 2', async (t) => {
  const due = [
    '',
    'resume',
    'runs',
    'attach',
    'cancel',
    'log',
    'status',
    'tools',
    'mcp',
    'doctor',
    'logs',
    'service install',
  ]
  const also = ['service uninstall', 'service status', 'daemon restart', 'completion', 'help', 'plugins']
  for (const name of [...due, ...also])
    t.ok(
      commands.some((command) => command.name === name),
      name,
    )
  for (const name of ['acp', 'login', 'policy', 'sent', 'audit']) {
    const { code, stderr } = await runCodegen(installed, [name]).ended
    t.equal(code, 2, name)
    t.match(stderr, new RegExp(`^codegen: codegen ${name} does not exist yet; [^\\n]+\\n$`))
  }
  const wrong = commands
    .filter(({ name }) => name !== '')
    .flatMap(({ name, operands, options }) => {
      const words = name.split(' ')
      const lines = options.some((option) => option.name === 'max-turns') ? [] : [[...words, '--max-turns', '3']]
      if (operands.every(({ takesRest }) => !takesRest)) lines.push([...words, ...operands.map(() => 'x'), 'more'])
      return operands.some(({ isOptional }) => !isOptional) ? [...lines, words] : lines
    })
  const ends = await Promise.all(wrong.map(async (line) => ({ line, ...(await runCodegen(installed, line).ended) })))
  for (const { line, code, stderr } of ends) {
    t.equal(code, 2, line.join(' '))
    t.match(stderr, /^codegen: [^\n]+\n$/, line.join(' '))
  }
})
