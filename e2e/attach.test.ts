import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import tap, { before, test } from 'tap'
import type { Test } from 'tap'
import { createSystem } from '#support/system'
import type { System } from '#support/system'
import { startOnTerminal, watchStarted } from '#support/terminal'
import type { Started } from '#support/terminal'

const shell = (command: string) => ({ tool: 'Shell', arguments: { command } })
const untilThere = (name: string): string => `echo begun; while ! test -e ${name}; do sleep 0.05; done; echo over`

const conversations = [
  {
    name: 'watched',
    when: 'be watched',
    steps: [{ text: 'First this. ', calls: [shell(untilThere('go'))] }, { text: 'Then that, and it is done.' }],
  },
  {
    name: 'ask',
    when: 'ask first',
    steps: [{ text: 'May I? ', calls: [shell('echo yes > answer')] }, { text: 'That was all.' }],
  },
  { name: 'long', when: 'take long', steps: [{ calls: [shell('echo begun; sleep 600')] }, { text: 'Never.' }] },
  {
    name: 'restarted',
    when: 'be restarted',
    steps: [{ text: 'Before. ', calls: [shell('echo begun; sleep 600')] }, { text: 'After.' }],
  },
  {
    name: 'left',
    when: 'be left',
    steps: [{ text: 'Before. ', calls: [shell(untilThere('left'))] }, { text: 'After.' }],
  },
  { name: 'greet', when: 'greet', steps: [{ text: 'Hello.' }] },
  { name: 'same', when: 'loop', steps: [{ loop: 9, calls: [shell('true')] }] },
]

tap.setTimeout(240_000)
let system: System

before(async () => {
  system = await createSystem(tap, { scenario: { conversations } })
  await system.codegen(['daemon', 'start'])
})

type Line = { event_id?: string; type: string; payload: Record<string, unknown> }
const toLines = (text: string): Line[] => text.trimEnd().split('\n').map(toLine)
const toLine = (line: string): Line => JSON.parse(line)
const isFact = ({ event_id }: Line): boolean => event_id?.endsWith('-0') ?? false

/** The run that was started last. */
async function newestRun(): Promise<string> {
  const { stdout } = await system.codegen(['runs', '--json'])
  return String(JSON.parse(stdout.split('\n')[0] ?? '').generation_id)
}

const start = (t: Test, ...words: string[]): Started => watchStarted(t, system.startCodegen(words))
const idIn = ({ printed }: Started): string => String(toLine(printed().split('\n')[0] ?? '').payload['generation_id'])

test('a second terminal sees event for event what the first sees, and both end alike', async (t) => {
  const first = start(t, '--json', '--auto', 'be watched')
  await first.saw(/begun/)
  const second = start(t, 'attach', '--json', idIn(first))
  const human = startOnTerminal(t, system, ['attach', idIn(first)])
  await Promise.all([second.saw(/begun|tool_call"/), human.saw(/First this/)])
  await writeFile(join(system.project, 'go'), '')
  t.strictSame(await Promise.all([first.ended, second.ended, human.ended]), [0, 0, 0])
  const [seen, alsoSeen] = [toLines(first.printed()), toLines(second.printed())]
  t.strictSame(alsoSeen.filter(isFact), seen.filter(isFact), 'every fact, in order, once')
  const ids = seen.map(({ event_id }) => event_id)
  const places = alsoSeen.map(({ event_id }) => ids.indexOf(event_id))
  t.notOk(places.includes(-1), 'nothing the first did not see')
  t.strictSame(
    places,
    places.toSorted((a, b) => a - b),
  )
  t.match(alsoSeen.at(-1), { type: 'run_finished', payload: { status: 'completed' } })
  t.match(human.printed(), /First this[^]*Then that, and it is done/)
})

test('either may answer: the first answer counts, and the other terminal says whose it was', async (t) => {
  for (const answering of ['first', 'second'] as const) {
    const first = startOnTerminal(t, system, ['--ask', 'ask first'])
    await first.saw(/ yes {3}/)
    const id = await newestRun()
    const second = startOnTerminal(t, system, ['attach', id])
    // Without a terminal nobody can be asked there, and nobody answers for the others.
    const looking = start(t, 'attach', id)
    await Promise.all([second.saw(/ yes {3}/), looking.saw(/May I/)])
    const [by, other] = answering === 'first' ? [first, second] : [second, first]
    by.type('y')
    await other.saw(/answered elsewhere: yes, by codegen \(pid \d+\)/)
    t.strictSame(await Promise.all([first.ended, second.ended, looking.ended]), [0, 0, 0], answering)
    for (const one of [first, second, looking]) t.match(one.printed(), /That was all/)
    t.notMatch(by.printed(), /elsewhere/)
    t.equal(other.printed().match(/elsewhere/g)?.length, 1, 'once')
  }
})

test('a cancel from the second ends both with 130, by Ctrl-C or by name', async (t) => {
  for (const how of ['Ctrl-C', 'cancel'] as const) {
    const first = start(t, '--json', '--auto', 'take long')
    await first.saw(/sleep 600|begun/)
    const id = await newestRun()
    const second = startOnTerminal(t, system, ['attach', id])
    await second.saw(/begun|sleep 600/)
    if (how === 'Ctrl-C') second.type('\x03')
    else t.match(await system.codegen(['cancel', id.slice(0, 12)]), { code: 0 })
    t.strictSame(await Promise.all([first.ended, second.ended]), [130, 130], how)
    t.match(first.printed(), /cancelled/)
  }
})

test('a terminal that goes away takes no run with it: attach finds it and sees it whole (CL-02)', async (t) => {
  const first = start(t, '--json', '--auto', 'be left')
  await first.saw(/begun/)
  first.child.kill('SIGHUP')
  t.equal(await first.ended, 130)
  const second = start(t, 'attach', '--json', idIn(first))
  await second.saw(/Before/)
  await writeFile(join(system.project, 'left'), '')
  t.equal(await second.ended, 0)
  const [seen, alsoSeen] = [toLines(first.printed()).filter(isFact), toLines(second.printed()).filter(isFact)]
  t.ok(seen.length > 0)
  t.strictSame(alsoSeen.slice(0, seen.length), seen, 'what the first saw, from the beginning')
  t.match(alsoSeen.at(-1), { type: 'run_finished', payload: { status: 'completed' } })
})

test('a run that has ended is shown, and its outcome is the exit code', async (t) => {
  const outcomes: readonly (readonly [prompt: string, code: number, shows: RegExp])[] = [
    ['greet', 0, /Hello\.[^]*done/],
    ['loop', 3, /limit/],
  ]
  for (const [prompt, code, shows] of outcomes) {
    t.equal((await system.codegen(['--auto', prompt])).code, code)
    const attached = await system.codegen(['attach', await newestRun()])
    t.equal(attached.code, code, attached.stderr)
    t.match(attached.stdout, shows)
  }
  const lines = toLines((await system.codegen(['attach', '--json', await newestRun()])).stdout)
  t.match(lines.at(-1), { type: 'run_finished', payload: { status: 'limit' } })
  const cancelled = toLines((await system.codegen(['runs', '--json'])).stdout).find(
    (run) => 'status' in run && run.status === 'cancelled',
  )
  const id = cancelled && 'generation_id' in cancelled ? String(cancelled.generation_id) : ''
  t.equal((await system.codegen(['attach', id])).code, 130)
})

async function letterOfTwoRuns(): Promise<string | undefined> {
  const runs = toLines((await system.codegen(['runs', '--json'])).stdout)
  const letters = runs.map((run) => ('generation_id' in run ? String(run.generation_id).slice(0, 1) : ''))
  return letters.find((letter, index) => letters.indexOf(letter) !== index)
}

test('an id that is no run, or the beginning of several, is one sentence', async (t) => {
  const unknown = await system.codegen(['attach', 'zzzz'])
  t.match(unknown, { code: 1, stdout: '', stderr: /^codegen: There is no run zzzz; `codegen runs` lists them\.\n$/ })
  // Ids are random and begin with one of sixteen letters.
  let shared: string | undefined
  while ((shared = await letterOfTwoRuns()) === undefined) await system.codegen(['--auto', 'greet'])
  const ambiguous = await system.codegen(['attach', shared])
  t.match(ambiguous, {
    code: 2,
    stdout: '',
    stderr: /^codegen: More than one run begins with .*; write more of it\.\n$/,
  })
  t.match(await system.codegen(['attach']), { code: 2, stderr: /codegen attach takes/ })
})

test('a restart of codegend takes no terminal its run, and one may attach meanwhile', async (t) => {
  const first = start(t, '--json', '--auto', 'be restarted')
  await first.saw(/begun/)
  const second = start(t, 'attach', '--json', idIn(first))
  await second.saw(/tool_call"/)
  const restart = system.codegen(['daemon', 'restart', '--now'])
  const third = start(t, 'attach', '--json', idIn(first))
  t.match(await restart, { code: 0 })
  t.strictSame(await Promise.all([first.ended, second.ended, third.ended]), [0, 0, 0], third.printed())
  const facts = [first, second, third].map(({ printed }) =>
    toLines(printed().replaceAll(/^codegen: .*\n/gm, '')).filter(isFact),
  )
  t.strictSame(facts[1], facts[0])
  t.strictSame(facts[2], facts[0])
  t.match(facts[0]?.at(-1), { type: 'run_finished', payload: { status: 'completed' } })
})
