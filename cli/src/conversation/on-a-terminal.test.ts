import { readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import type { ApprovalQuestion } from '@codegen/protocol/local'
import type { Asked, FakeAnswers, FakeRun } from '#fake-daemon'
import { limits } from '#limits'
import { installCodegen, message, startPlace } from '#test-codegen'
import type { Codegen, RunOptions, Test } from '#test-codegen'

const installed = await installCodegen({ after: (clean) => process.on('exit', clean) })

const status = {
  pid: 1,
  version: '0.1.0',
  uptime_ms: 5,
  socket: 's',
  home: 'h',
  executor_id: 'e',
  maestro: { url: 'ws://m', own: true, state: 'connected', model: 'scripted' },
  runs_open: 0,
  calls_open: 0,
  tools: ['Shell'],
  log_file: 'l',
}

const answer = (play: (run: FakeRun, prompt: string) => unknown): FakeAnswers => ({
  'daemon/status': () => status,
  'run/start': ({ run, parameters }) => {
    setImmediate(() => {
      // What the test waits for does not come any more; the test says so itself.
      Promise.resolve(play(run, String(parameters['prompt']))).catch(() => undefined)
    })
    return { generation_id: 'g-1', session_id: 's-1' }
  },
})

const echo = (run: FakeRun, prompt: string): void => {
  message(run, `You said ${prompt.length} characters.`)
  run.finish('completed')
}

/** codegen alone on a terminal of its own, at its first prompt. */
async function open(t: Test, answers: FakeAnswers = answer(echo), more: RunOptions & { words?: string[] } = {}) {
  const place = await startPlace(t, installed, answers)
  homes += 1
  const home = join(installed.folder, `home-${homes}`)
  const environment = { NO_COLOR: '1', CODEGEN_HOME: home, ...more.environment }
  const codegen = place.codegen(more.words ?? [], { terminal: 80, ...more, environment })
  let seen = 0
  function type(keys: string): void {
    seen = codegen.out.stdout.length
    codegen.process.stdin.write(keys)
  }
  /** Resolves when this is shown since something was typed last; fails with what is on the screen instead. */
  async function saw(pattern: RegExp): Promise<void> {
    const shown = codegen.saw('stdout', new RegExp(`^[^]{${seen}}[^]*?${pattern.source}`))
    const late = Promise.withResolvers<never>()
    const timer = setTimeout(() => late.reject(new Error(`no ${pattern}: ${JSON.stringify(codegen.out)}`)), sawMsMax)
    await Promise.race([shown, late.promise]).finally(() => clearTimeout(timer))
  }
  const started = (): Asked[] => place.daemon.asked.filter(({ method }) => method === 'run/start')
  /** The same, and that there is a prompt again below it. */
  const answered = ({ source }: RegExp): Promise<void> => saw(new RegExp(`${source}[^]*${prompt.source}`))
  return { ...place, codegen, home, type, saw, answered, started }
}

let homes = 0
const sawMsMax = 20_000

/** An empty prompt with the cursor in it. */
const prompt = new RegExp(String.raw`> \r\x1b\[2C`)

const question: ApprovalQuestion = {
  tool_id: 't-1',
  generation_id: 'g-1',
  tool_name: 'Shell',
  title: 'Shell: make',
  preview: { command: 'make' },
  options: [
    { id: 'o-yes', kind: 'allow', label: 'Yes' },
    { id: 'o-no', kind: 'deny', label: 'No' },
    { id: 'o-always', kind: 'always', label: 'Always' },
  ],
}

test('each message is a run of one conversation, and Ctrl-D leaves with 0 (CL-15)', async (t) => {
  const { codegen, type, saw, answered, started } = await open(t)
  await saw(prompt)
  t.match(
    codegen.out.stdout,
    /^\S*codegen 0\.1\.0 {2}\S+ {2}ask\r\nMaestro connected, model scripted\r\n.*Ctrl-D leaves\r\n/,
  )
  type('hello\r')
  await answered(/You said 5 characters\.\r\n\r\ndone: .*\r\n/)
  type(' \r')
  await saw(prompt)
  for (const keys of ['and', '\x0a', 'then \\', '\r']) {
    type(keys)
    await saw(new RegExp(String.raw`\r\x1b\[\d+C`))
  }
  type('more\r')
  await answered(/You said 14 characters/)
  const [first, second] = started()
  t.match(first?.parameters, { prompt: 'hello', mode: 'ask', cwd: installed.folder })
  t.notHas(first?.parameters, { session_id: String })
  t.match(second?.parameters, { prompt: 'and\nthen \nmore', session_id: 's-1' })
  t.not(second?.parameters['client_ref'], first?.parameters['client_ref'])
  t.equal(started().length, 2)
  type('\x04')
  const { code, stdout } = await codegen.ended
  t.equal(code, 0)
  t.ok(stdout.indexOf('\x1b[?2004h') < stdout.lastIndexOf('\x1b[?2004l'), 'the terminal is given back as it was')
})

test('a paste of many lines is one message, sent whole, and only when Enter is pressed (CL-11)', async (t) => {
  const { type, saw, started } = await open(t)
  await saw(prompt)
  const text = Array.from({ length: 312 }, (_, index) => `line ${index}`).join('\n')
  type('see ')
  await saw(/> see \r/)
  // Carriage returns are what terminals make of the lines of a paste.
  type(`\x1b[200~${text.replaceAll('\n', '\r')}`)
  type('\x1b[201~')
  await saw(/> see \[pasted 312 lines\]/)
  t.same(started(), [])
  type('\r')
  await saw(prompt)
  t.equal(started()[0]?.parameters['prompt'], `see ${text}`)
  type('\x1b[200~two\nlines\x1b[201~')
  await saw(/> two\r\n {2}lines/)
  t.equal(started().length, 1)
})

test('Ctrl-C clears what is written, then says how to leave, and cancels a run without leaving (CL-01)', async (t) => {
  const runs: FakeRun[] = []
  const { codegen, daemon, type, saw, answered, started } = await open(t, {
    ...answer((run) => {
      runs.push(run)
      run.emit('agent_message_delta', { content: 'Working on it.\n' })
    }),
    'run/cancel': ({ run }) => {
      setImmediate(() => run.finish('cancelled'))
      return {}
    },
  })
  await saw(prompt)
  type('not this')
  await saw(/not this/)
  type('\x03')
  await saw(prompt)
  type('\x03')
  await answered(/Ctrl-D or \/exit leaves\./)
  t.same(started(), [])
  type('long\r')
  await saw(/Working on it/)
  type('\x03')
  await answered(/cancelling the run; once more leaves at once[^]*cancelled: /)
  t.match((await daemon.request('run/cancel')).parameters, { generation_id: 'g-1' })
  type('next\r')
  await saw(/Working on it/)
  t.match(started()[1]?.parameters, { prompt: 'next', session_id: 's-1' })
  type('\x04')
  type('/exit\r')
  await saw(/\/exit waits for the end of the run/)
  runs[1]?.finish('completed')
  await saw(prompt)
  type('/exit\r')
  t.equal((await codegen.ended).code, 0)
})

test('Ctrl-C twice leaves a run at once with 130, also in one piece; so do SIGTERM and SIGHUP (CL-01, CL-02, CL-15)', async (t) => {
  const working = answer((run) => run.emit('agent_message_delta', { content: 'Working on it.\n' }))
  const leave = async (how: (codegen: Codegen, type: (keys: string) => void) => unknown, more?: FakeAnswers) => {
    const place = await open(t, { ...working, ...more })
    await place.saw(prompt)
    place.type('long\r')
    await place.saw(/Working on it/)
    await how(place.codegen, place.type)
    const { code, stdout } = await place.codegen.ended
    t.ok(stdout.includes('\x1b[?2004l'))
    return { code, cancelled: place.daemon.asked.filter(({ method }) => method === 'run/cancel').length }
  }
  t.match(await leave((_, type) => type('\x03\x03')), { code: 130, cancelled: 1 })
  const signal = (name: NodeJS.Signals) => async (codegen: Codegen) => {
    // `script` has the terminal; the process that reads it is its child.
    const children = await readFile(`/proc/${codegen.process.pid}/task/${codegen.process.pid}/children`, 'utf8')
    process.kill(Number(children.trim()), name)
  }
  t.match(await leave(signal('SIGHUP')), { code: 130, cancelled: 0 })
  const ending: FakeAnswers = {
    'run/cancel': ({ run }) => {
      setImmediate(() => run.finish('cancelled'))
      return {}
    },
  }
  t.match(await leave(signal('SIGTERM'), ending), { code: 130, cancelled: 1 })
})

test('a question is answered by a key pressed alone, never by a message that is being written', async (t) => {
  const answers: string[] = []
  const { daemon, type, saw, answered } = await open(t, {
    ...answer(async (run) => {
      for (const command of ['first', 'second']) answers.push(await run.ask({ ...question, preview: { command } }))
      run.finish('completed')
    }),
    'run/input': () => ({}),
  })
  await saw(prompt)
  type('go on\r')
  await saw(/\? May Shell do this\?\r\n│ first[^]*in this run/)
  type('y')
  await saw(/yes\r\n[^]*│ second[^]*in this run/)
  type('say nay\r')
  // Nothing is shown of keys that are dropped; the question is still there when one is pressed alone.
  await new Promise((resolve) => setTimeout(resolve, limits.answerQuietMs + limits.answerAloneMs))
  t.same(answers, ['o-yes'])
  type('n')
  await answered(/no\r\n[^]*done: /)
  t.same(answers, ['o-yes', 'o-no'])
  t.notOk(daemon.asked.some(({ method }) => method === 'run/input'))
})

test('what is entered while a run works is said to it; what comes too late is the next message', async (t) => {
  const gate = Promise.withResolvers<void>()
  const { daemon, type, saw, answered, started } = await open(t, {
    ...answer(async (run, text) => {
      run.emit('agent_message_delta', { content: 'Working on it.\n' })
      if (text === 'go') await gate.promise
      run.finish('completed')
    }),
    'run/input': ({ parameters }) => {
      if (parameters['content'] === 'in time') return {}
      gate.resolve()
      throw new Failure('run.finished', 'The run is over.')
    },
  })
  await saw(prompt)
  type('go\r')
  await saw(/Working on it/)
  type('in ti')
  await saw(/> in ti/)
  type('me\r')
  await saw(/sent to the run/)
  t.match((await daemon.request('run/input')).parameters, { generation_id: 'g-1', content: 'in time', mode: 'steer' })
  type('/mode auto\r')
  await saw(/From the next message on: auto/)
  type('too late\r')
  await answered(/> too late\r\n/)
  t.match(
    started().map(({ parameters }) => parameters),
    [
      { prompt: 'go', mode: 'ask' },
      { prompt: 'too late', mode: 'auto', session_id: 's-1' },
    ],
  )
})

test('commands say what is, change what follows, and never reach a model', async (t) => {
  const { codegen, type, saw, answered, started } = await open(t)
  await saw(prompt)
  for (const [typed, shown] of [
    ['/help', /\/mode \[ask\|auto\|read-only\][^]*Alt-Enter/],
    ['/status', /maestro +connected/],
    ['/stauts', /There is no \/stauts; did you mean \/status\?/],
    ['/mode', /ask: every call/],
    ['/mode all', /\/mode takes ask, auto or read-only/],
    ['/mode read-only', /nothing is changed/],
    ['/model m-2', /The next message goes to m-2/],
    ['/tools', /codegen: /],
    ['/etc/hosts is a path', /You said 20 characters/],
    ['/new', /A fresh conversation/],
    ['// not a command', /You said 16 characters/],
    [' /help me', /You said 8 characters/],
  ] as const) {
    type(`${typed}\r`)
    await answered(shown)
  }
  t.match(
    started().map(({ parameters }) => parameters),
    [
      { prompt: '/etc/hosts is a path', mode: 'read-only', model: 'm-2', session_id: undefined },
      { prompt: '// not a command', session_id: undefined },
      { prompt: '/help me', session_id: 's-1' },
    ],
  )
  type('/mo')
  await saw(/\/mo/)
  type('\t')
  await saw(/\/mode/)
  type('\t')
  await saw(/model {2}mode\r\n[^]*> \/mode/)
  type('\x04\x15\x04')
  t.equal((await codegen.ended).code, 0)
})

test('what was entered is at hand in the next conversation, multi-line and whole', async (t) => {
  const first = await open(t)
  await first.saw(prompt)
  first.type('\x1b[200~one\ntwo\x1b[201~\r')
  await first.saw(prompt)
  first.type('\x04')
  await first.codegen.ended
  t.equal(await readFile(join(first.home, 'history'), 'utf8'), '"one\\ntwo"\n')
  const second = await open(t, answer(echo), { environment: { CODEGEN_HOME: first.home } })
  await second.saw(prompt)
  second.type('\x1b[A')
  await second.saw(/> one\r\n {2}two/)
  second.type('\r')
  await second.saw(prompt)
  t.equal(second.started()[0]?.parameters['prompt'], 'one\ntwo')
})

test('a codegend that goes away is told of once, and the run and the conversation go on', async (t) => {
  let drops = 0
  const { daemon, type, saw, answered, codegen } = await open(t, {
    ...answer((run, text) => {
      if (text !== 'drop') return echo(run, text)
      run.emit('agent_message_delta', { content: 'Half' })
      run.drop()
    }),
    'run/attach': ({ run, parameters }) => {
      drops += 1
      setImmediate(() => {
        message(run, 'Half and half.')
        run.finish('completed')
      })
      return { generation_id: parameters['generation_id'] }
    },
  })
  await saw(prompt)
  type('drop\r')
  await answered(/the connection to codegend was lost; connecting again[^]*half\./)
  t.equal(drops, 1)
  type('again\r')
  await answered(/You said 5 characters/)
  t.equal(codegen.out.stdout.match(/was lost/g)?.length, 1)
  // No connection is left open; that the last one has ended is known a moment later.
  while (daemon.connections() > 0) await new Promise((resolve) => setTimeout(resolve, 10))
})

test('a codegend of another version is one sentence and exit 4 at the beginning, and one sentence later (CL-10, CL-15)', async (t) => {
  let isOther = false
  const refuse = (): never => {
    throw new Failure(
      'client.version',
      'codegen is version 0.1.0 and the codegend that runs is 9.0.0; replace it with: codegen daemon restart',
    )
  }
  const answers: FakeAnswers = {
    ...answer(echo),
    initialize: () => (isOther ? refuse() : { version: '0.1.0', pid: 1 }),
  }
  const { codegen, type, saw, answered } = await open(t, answers)
  await saw(prompt)
  isOther = true
  type('hello\r')
  await answered(/9\.0\.0; replace it with: codegen daemon restart\r\n/)
  type('\x04')
  t.equal((await codegen.ended).code, 0)
  const late = await open(t, answers)
  const { code, stdout } = await late.codegen.ended
  t.equal(code, 4)
  t.match(stdout, /^codegen: codegen is version 0\.1\.0 [^\n]+\n$/)
})

test('Ctrl-Z where no shell could bring it back changes nothing', async (t) => {
  const { codegen, type, saw, answered } = await open(t)
  await saw(prompt)
  type('ab')
  await saw(/> ab\r/)
  type('\x1a')
  await saw(/> ab\r/)
  type('c\r')
  await answered(/You said 3 characters/)
  type('\x04')
  t.equal((await codegen.ended).code, 0)
})

test('a prompt on the command line loads nothing of the conversation', async (t) => {
  const beside = join(installed.folder, 'cli/dist/codegen-conversation.cjs')
  await rename(beside, `${beside}.away`)
  t.after(() => rename(`${beside}.away`, beside))
  const { codegen } = await startPlace(t, installed, answer(echo))
  t.match(await codegen(['--auto', 'x'], { terminal: 80 }).ended, { code: 0, stdout: /You said 1 character/ })
  t.match(await codegen([], { terminal: 80 }).ended, { code: 1 })
})
