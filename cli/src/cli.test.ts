import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import type { FailureCode } from '@codegen/protocol/failure'
import type { Asked, FakeAnswers, FakeRun } from './fake-daemon.ts'
import { delta, installCodegen, message, playing, startPlace } from './test-codegen.ts'
import type { RunOptions, Test } from './test-codegen.ts'

const installed = await installCodegen({ after: (clean) => process.on('exit', clean) })

const start = (t: Test, answers?: FakeAnswers) => startPlace(t, installed, answers)

test('a prompt travels whole, its text is shown as it comes, and the end tells what it took', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { daemon, codegen } = await start(
    t,
    playing(async (run) => {
      delta(run, 'Hello ')
      await gate.promise
      delta(run, 'wörld')
      message(run, 'Hello wörld')
      run.finish('completed')
    }),
  )
  const { saw, ended } = codegen(['--auto', 'add', 'a /health endpoint', '--model', 'm-1', '--max-turns=7'])
  await saw('stdout', /^Hello $/)
  gate.resolve()
  const { code, stdout, stderr } = await ended
  t.match(stdout, /^Hello wörld\n\ndone: 3 turns, 12,345 tokens in, 67 out, [\d.]+ m?s\n$/)
  t.equal(stderr, '')
  t.equal(code, 0)
  const { parameters } = await daemon.request('run/start')
  t.match(parameters, {
    prompt: 'add a /health endpoint',
    cwd: installed.folder,
    mode: 'auto',
    model: 'm-1',
    limits: { turns: 7 },
  })
  t.match((await daemon.request('initialize')).parameters, { can_answer_approvals: true, client: { kind: 'codegen' } })
})

test('ask is the mode nobody has to name; --read-only and --cwd are passed on', async (t) => {
  const { daemon, codegen } = await start(
    t,
    playing((run) => run.finish('completed')),
  )
  await mkdir(join(installed.folder, 'project'), { recursive: true })
  await codegen(['do it']).ended
  await codegen(['--read-only', '--cwd', 'project', 'do it']).ended
  const [first, second] = daemon.asked.filter(({ method }) => method === 'run/start')
  t.match(first?.parameters, { mode: 'ask', cwd: installed.folder })
  t.match(second?.parameters, { mode: 'read-only', cwd: join(installed.folder, 'project') })
  t.not(first?.parameters['client_ref'], second?.parameters['client_ref'])
})

test('a tool call is one line with its outcome and time, an edit shows its diff', async (t) => {
  const call = (run: FakeRun, tool_id: string, tool_name: string, parameters: Record<string, unknown>) =>
    run.emit('tool_call', { tool_id, tool_name, parameters })
  const finished = (run: FakeRun, tool_id: string, tool_name: string, more: Record<string, unknown>) =>
    run.emit('tool_call_finished', { tool_id, tool_name, result: '', ...more })
  const { codegen } = await start(
    t,
    playing((run) => {
      run.emit('tool_call', { tool_id: 'b', tool_name: 'ReadFolder', parameters: {}, bootstrap: true })
      run.emit('bootstrap_result', { tool_id: 'b', tool_name: 'ReadFolder', status: 'success', result: 'src/' })
      call(run, '1', 'Shell', { command: 'npm test\nnpm run lint' })
      call(run, '2', 'Edit', { file_path: 'src/a.ts', old_string: 'a', new_string: 'b' })
      finished(run, '1', 'Shell', { status: 'success', duration_ms: 1234 })
      const diff = '--- a/src/a.ts\n+++ b/src/a.ts\n@@ -1,1 +1,1 @@\n-old \x1b[2J\n+new\n'
      finished(run, '2', 'Edit', { status: 'success', duration_ms: 12, structured: { path: 'src/a.ts', diff } })
      call(run, '3', 'Shell', { command: 'false' })
      finished(run, '3', 'Shell', { status: 'error', result: 'exit code 1\nmore', duration_ms: 5 })
      finished(run, '4', 'Fly', { status: 'error', error: { code: 'tool.unknown', message: 'There is no tool Fly.' } })
      finished(run, '5', 'Shell', { status: 'denied', result: 'The owner said no.' })
      delta(run, 'Done.')
      run.finish('completed')
    }),
  )
  const { stdout } = await codegen(['--auto', 'x']).ended
  t.same(stdout.split('\n').slice(0, 10), [
    '● Shell npm test …  ok 1.2 s',
    '● Edit src/a.ts  ok 12 ms',
    '  1 -old \\x1b[2J',
    '  1 +new',
    '● Shell false  error 5 ms: exit code 1 …',
    '● Fly  error: There is no tool Fly.',
    '● Shell  denied: The owner said no.',
    '',
    'Done.',
    '',
  ])
})

test('--json is one object a line, the events as they came, run_finished last and once', async (t) => {
  const { codegen } = await start(
    t,
    playing((run) => {
      delta(run, 'a\u009b31m\u202e')
      run.emit('something_new', { any: [1] })
      run.finish('completed', { summary: 'ok' })
    }),
  )
  const { code, stdout } = await codegen(['--json', '--auto', 'x']).ended
  t.equal(code, 0)
  t.notMatch(stdout, /[\u007f-\u009f\u202e]/)
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))
  t.match(lines, [
    { event_id: '1-0', type: 'agent_message_delta', payload: { content: 'a\u009b31m\u202e', generation_id: 'g-1' } },
    { event_id: '2-0', type: 'something_new', payload: { any: [1] } },
    { event_id: '3-0', type: 'run_finished', payload: { status: 'completed', summary: 'ok' } },
  ])
  t.equal(lines.length, 3)
})

test('a run that was refused ends --json with run_finished all the same', async (t) => {
  const { codegen } = await start(t, {
    'run/start': () => {
      throw new Failure('server.unreachable', 'Maestro cannot be reached at ws://x.')
    },
  })
  const { code, stdout, stderr } = await codegen(['--json', 'x']).ended
  t.equal(code, 4)
  t.match(JSON.parse(stdout), {
    type: 'run_finished',
    payload: { status: 'refused', error: { code: 'server.unreachable' } },
  })
  t.match(stderr, /^codegen: Maestro cannot be reached at ws:\/\/x\.\n$/)
})

test('--quiet shows the last answer and nothing else', async (t) => {
  const { codegen } = await start(
    t,
    playing((run) => {
      delta(run, 'Let me see.')
      run.emit('agent_message', { content: 'Let me see.', requests: [{ id: '1', name: 'Shell', arguments: '{}' }] })
      run.emit('tool_call_finished', { tool_id: '1', tool_name: 'Shell', status: 'success', result: '' })
      delta(run, '42')
      message(run, '42')
      run.finish('completed')
    }),
  )
  t.equal((await codegen(['--quiet', '--auto', 'x']).ended).stdout, '42\n')
})

test('exit codes tell how a run ended (CL-15)', async (t) => {
  const cases: [string, FailureCode | undefined, number][] = [
    ['completed', undefined, 0],
    ['failed', 'model.unknown', 1],
    ['refused', 'server.unreachable', 4],
    ['refused', 'model.unconfigured', 1],
    ['limit', 'run.limit', 3],
    ['cancelled', undefined, 130],
  ]
  const ends = cases.map(async ([status, error, expected]) => {
    const more = error ? { error: { code: error, message: 'It went wrong; do this.' } } : {}
    const { codegen } = await start(
      t,
      playing((run) => run.finish(status, more)),
    )
    const { code, stderr } = await codegen(['--auto', 'x']).ended
    t.equal(code, expected, `${status} ${error ?? ''}`)
    t.match(stderr, error ? /^codegen: It went wrong; do this\.( codegend keeps the settings .*)?\n$/ : /^$/)
  })
  await Promise.all(ends)
})

test('exit codes tell why there is no run (CL-15)', async (t) => {
  const cases: [FailureCode, number][] = [
    ['server.unauthenticated', 4],
    ['model.unconfigured', 1],
    ['request.invalid', 2],
    ['internal', 1],
  ]
  const ends = cases.map(async ([error, expected]) => {
    const { codegen } = await start(t, {
      'run/start': () => {
        throw new Failure(error, 'It is so.', { hint: 'Do this.' })
      },
    })
    const { code, stderr } = await codegen(['--auto', 'x']).ended
    t.equal(code, expected, error)
    t.match(stderr, /^codegen: It is so\.( codegend keeps the settings .*)? Do this\.\n$/)
  })
  await Promise.all(ends)
})

test('a call that needs consent is denied without a terminal, and codegen exits 5 (CL-05)', async (t) => {
  const answers: string[] = []
  const { codegen } = await start(
    t,
    playing(async (run) => {
      const options = [
        { id: 'yes-1', kind: 'allow' as const, label: 'Yes' },
        { id: 'no-1', kind: 'deny' as const, label: 'No' },
      ]
      const question = {
        tool_id: 't',
        generation_id: 'g-1',
        tool_name: 'Shell',
        title: 'Shell: rm\u001b[2J x',
        preview: { command: 'rm x' },
      }
      answers.push(await run.ask({ ...question, options }))
      run.finish('completed')
    }),
  )
  const { code, stderr } = await codegen(['x']).ended
  t.equal(code, 5)
  t.same(answers, ['no-1'])
  t.match(stderr, /^codegen: denied, because there is no terminal to ask on: Shell: rm\\x1b\[2J x \(allow with --auto/)
})

test('Ctrl-C once asks for the end and leaves with 130 when it has come (CL-01)', async (t) => {
  const { daemon, codegen } = await start(
    t,
    playing((run) => delta(run, 'working')),
  )
  const { process: child, saw, ended } = codegen(['--auto', 'x'])
  await saw('stdout', /working/)
  child.kill('SIGINT')
  const { parameters, run } = await daemon.request('run/cancel')
  t.match(parameters, { generation_id: 'g-1' })
  run.emit('cancel_requested', {})
  run.finish('cancelled')
  const { code, stderr, stdout } = await ended
  t.equal(code, 130)
  t.match(stderr, /cancelling/)
  t.match(stdout, /cancelled: 3 turns/)
})

test('Ctrl-C twice leaves at once (CL-01)', async (t) => {
  const { daemon, codegen } = await start(
    t,
    playing((run) => delta(run, 'working')),
  )
  const { process: child, saw, ended } = codegen(['--auto', 'x'])
  await saw('stdout', /working/)
  child.kill('SIGINT')
  await daemon.request('run/cancel')
  child.kill('SIGINT')
  t.equal((await ended).code, 130)
})

test('Ctrl-C before the run is accepted takes the request back', async (t) => {
  const { daemon, codegen } = await start(t, { 'run/start': () => new Promise(() => undefined) })
  const { process: child, ended } = codegen(['--auto', 'x'])
  const { signal } = await daemon.request('run/start')
  child.kill('SIGINT')
  t.equal((await ended).code, 130)
  t.ok(signal.aborted)
})

test('SIGTERM cancels; SIGHUP leaves and the run goes on (CL-02)', async (t) => {
  const cancelling = await start(
    t,
    playing((run) => delta(run, 'working')),
  )
  const terminated = cancelling.codegen(['--auto', 'x'])
  await terminated.saw('stdout', /working/)
  terminated.process.kill('SIGTERM')
  const cancel = await cancelling.daemon.request('run/cancel')
  cancel.run.finish('cancelled')
  t.equal((await terminated.ended).code, 130)

  const leaving = await start(
    t,
    playing((run) => delta(run, 'working')),
  )
  const hungUp = leaving.codegen(['--auto', 'x'])
  await hungUp.saw('stdout', /working/)
  hungUp.process.kill('SIGHUP')
  t.equal((await hungUp.ended).code, 130)
  t.notOk(leaving.daemon.asked.some(({ method }) => method === 'run/cancel'))
})

test('bad command lines are one sentence and exit 2 (CL-11)', async (t) => {
  const { codegen, daemon } = await start(t)
  const cases: [string[], RegExp, RunOptions?][] = [
    [[], /prompt is empty/],
    [['   '], /prompt is empty/],
    [[], /prompt is empty/, { input: ' \n' }],
    [['a\u0007b'], /control character \(0x07\) at position 2/],
    [['x'], /control character \(0x00\)/, { input: Buffer.from('a\0b') }],
    [['x'], /longer than 1,000,000 characters/, { input: 'y'.repeat(10_000_000) }],
    [['--frobnicate', 'x'], /no option --frobnicate/],
    [['-x', 'y'], /no option -x/],
    [['--json=1', 'y'], /no option --json=1/],
    [['--ask', '--auto', 'x'], /--ask and --auto/],
    [['--max-turns', 'many', 'x'], /--max-turns takes a number/],
    [['--cwd'], /--cwd needs a value/],
    [['--cwd', '/nowhere', 'x'], /no folder \/nowhere/],
    [['runs', 'the', 'tests'], /codegen -- "runs the tests"/],
    [['attach'], /takes the id/],
    [['status', '--auto'], /has no option --auto/],
    [['policy'], /does not exist yet/],
    [['stauts'], /did you mean codegen status/],
    [['log'], /takes the id/],
    [['lgos'], /did you mean codegen logs/],
    [['service'], /takes install, uninstall or status/],
    [['service', 'start'], /takes install, uninstall or status/],
    [['logs', '--quiet'], /has no option --quiet/],
    [['--json'], /a conversation needs a terminal at both ends/, { terminal: 80 }],
    [[], /a conversation needs a terminal/, { terminal: 80, environment: { TERM: 'dumb' } }],
    [['resume'], /prompt is empty/],
    [['resume', '-q'], /codegen resume takes a prompt/, { terminal: 80 }],
  ]
  const refuse = async ([words, sentence, options]: (typeof cases)[number]): Promise<void> => {
    const { code, stdout, stderr } = await codegen(words, options).ended
    t.equal(code, 2, words.join(' ').slice(0, 40))
    // A terminal shows both as one.
    const complaint = options?.terminal ? stdout : stderr
    t.match(complaint, sentence)
    t.match(complaint, /^codegen: [^\n]+\n$/)
    t.equal(stdout.length + stderr.length, complaint.length)
  }
  // A few at a time: what waits for a processor too long says that it reads the rest of the prompt.
  for (let from = 0; from < cases.length; from += 4) await Promise.all(cases.slice(from, from + 4).map(refuse))
  t.same(daemon.asked, [])
})

test('prompts that look like something else (CL-11)', async (t) => {
  const { codegen, daemon } = await start(
    t,
    playing((run) => run.finish('completed')),
  )
  const cases: [string[], string, RunOptions?][] = [
    [['--', '--auto'], '--auto'],
    [['--', 'status'], 'status'],
    [['-v is broken, repair it'], '-v is broken, repair it'],
    [['hello'], 'hello'],
    [['--read-only', '--', '-', '--json'], '- --json'],
    [['review this'], 'review this\n\nline 1\nline 2', { input: 'line 1\r\nline 2\n' }],
    [[], 'only piped ü', { input: 'only piped ü' }],
    [['x'], 'x', { input: '' }],
  ]
  for (const [words, , options] of cases) t.equal((await codegen(words, options).ended).code, 0, words.join(' '))
  const prompts = daemon.asked
    .filter(({ method }) => method === 'run/start')
    .map(({ parameters }) => parameters['prompt'])
  t.same(
    prompts,
    cases.map(([, prompt]) => prompt),
  )
})

test('a program that leaves our standard input open does not keep the prompt waiting', async (t) => {
  const { codegen, daemon } = await start(
    t,
    playing((run) => run.finish('completed')),
  )
  const socketInput = codegen(['--auto', 'x'], { input: 'open' })
  t.equal((await socketInput.ended).code, 0)
  t.match((await daemon.request('run/start')).parameters, { prompt: 'x' })
})

test('another version is one sentence with both versions, exit 4, and starts nothing (CL-10)', async (t) => {
  const { codegen } = await start(t, {
    initialize: () => {
      throw new Failure(
        'client.version',
        'codegen is version 0.1.0 and the codegend that runs is 9.0.0; replace that one with: codegen daemon restart',
      )
    },
    'run/start': () => {
      throw new Failure('client.not_initialized', 'Send "initialize" first.')
    },
  })
  const { code, stderr } = await codegen(['--auto', 'x']).ended
  t.equal(code, 4)
  t.match(stderr, /^codegen: codegen is version 0\.1\.0 .* 9\.0\.0.*codegen daemon restart\n$/)
})

test('a reader that leaves early is no mistake', async (t) => {
  const { codegen } = await start(
    t,
    playing((run) => {
      for (let count = 0; count < 50; count += 1) delta(run, 'line\n'.repeat(2_000))
    }),
  )
  const { process: child, saw, ended } = codegen(['--auto', 'x'])
  await saw('stdout', /line/)
  child.stdout.destroy()
  const { code, stderr } = await ended
  t.equal(code, 0)
  t.equal(stderr, '')
})

test('a connection that is lost is made again and the run goes on after the last event seen', async (t) => {
  const { daemon, codegen } = await start(t, {
    ...playing((run) => {
      delta(run, 'first ')
      setTimeout(() => run.drop(), 20)
    }),
    'run/attach': ({ parameters, run }: Asked) => {
      setImmediate(() => {
        delta(run, 'second')
        message(run, 'first second')
        run.finish('completed')
      })
      return { generation_id: parameters['generation_id'] }
    },
  })
  const { code, stdout, stderr } = await codegen(['--auto', 'x']).ended
  t.match((await daemon.request('run/attach')).parameters, { generation_id: 'g-1', after: '1-0' })
  t.match(stdout, /^first second\n\ndone/)
  t.match(stderr, /connection to codegend was lost/)
  t.equal(code, 0)
})

test('a start whose answer was lost is asked for again by the same key, and nothing is shown twice (DM-04)', async (t) => {
  for (const lost of ['the answer', 'the beginning', 'all but the events'] as const) {
    let starts = 0
    const { daemon, codegen } = await start(t, {
      'run/start': ({ run }: Asked) => {
        starts += 1
        if (lost === 'the beginning' && starts === 1) throw new Failure('client.closed', 'codegend is leaving.')
        if (lost === 'all but the events') delta(run, 'first ')
        if (starts === 1) {
          run.drop()
          return new Promise(() => undefined)
        }
        setImmediate(() => {
          message(run, 'first second')
          run.finish('completed')
        })
        return { generation_id: 'g-1', session_id: 's-1' }
      },
      'run/attach': ({ parameters, run }: Asked) => {
        setImmediate(() => {
          message(run, 'first second')
          run.finish('completed')
        })
        return { generation_id: parameters['generation_id'] }
      },
    })
    const { code, stdout } = await codegen(['--auto', 'x']).ended
    t.equal(code, 0, lost)
    t.match(stdout, /^first second\n\ndone/, lost)
    const asked = daemon.asked.filter(({ method }) => method === 'run/start')
    t.equal(asked.length, lost === 'all but the events' ? 1 : 2, lost)
    t.equal(new Set(asked.map(({ parameters }) => parameters['client_ref'])).size, 1, lost)
    if (lost === 'all but the events')
      t.match((await daemon.request('run/attach')).parameters, { generation_id: 'g-1', after: '1-0' })
  }
})

test('nothing a terminal would obey gets through, however it is cut', async (t) => {
  const evil = [
    '\x1b',
    ']0;owned\x07',
    'a\x1b[',
    '2Jb',
    '\x9b31',
    'mc',
    '\x1b]8;;http://x\x1b',
    '\\d',
    '\u202ee',
    '\x00\x08\r\x7f',
  ]
  const { codegen } = await start(
    t,
    playing((run) => {
      for (const content of evil) delta(run, content)
      run.emit('tool_call', {
        tool_id: '1',
        tool_name: 'Sh\x1b[5mell',
        parameters: { command: 'echo \x1b]0;x\x07 \u202e' },
      })
      run.emit('tool_call_finished', { tool_id: '1', tool_name: 'x', status: 'error', result: '\x1bcboom\x9b2J' })
      run.emit('agent_message_restarted', { reason: '\x1b[2J' })
      run.emit('input', { content: '\x1b[2J' })
      run.emit('answer_refused', { tool_id: '1', by: 'a\x1b[2Jn', reason: 'no\x1b[2J' })
      run.finish('failed', { error: { code: 'internal', message: 'bad\x1b[2J \x07thing' } })
    }),
  )
  const { stdout, stderr } = await codegen(['--auto', 'x']).ended
  t.match(stdout, /^abcde\n/)
  // oxlint-disable-next-line no-control-regex -- what must not be there
  t.notMatch(stdout + stderr, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/)
})

test('a broken off answer is said so; a message is printed once, and what was missed is printed', async (t) => {
  const { codegen } = await start(
    t,
    playing((run) => {
      delta(run, 'I thi')
      run.emit('agent_message_restarted', { reason: 'the stream was cut' })
      delta(run, 'I know')
      message(run, 'I know it.')
      run.emit('answer_refused', { tool_id: 't', by: 'ann', reason: 'Answer there.' })
      run.emit('claimed', { epoch: 2, server: 'b' })
      delta(run, 'half')
      run.emit('claimed', { epoch: 3, server: 'c' })
      message(run, 'whole')
      delta(run, 'the end')
      message(run, 'not the end')
      run.finish('completed')
    }),
  )
  const { stdout } = await codegen(['--auto', 'x']).ended
  t.same(stdout.split('\n').slice(0, -2), [
    'I thi',
    '— the stream was cut; the answer begins again —',
    'I know it.',
    '— ann answered over the server, which does not count here: Answer there. —',
    'half',
    '— the server changed; the answer begins again —',
    'whole',
    'the end',
    '— the whole answer —',
    'not the end',
    '',
  ])
})
