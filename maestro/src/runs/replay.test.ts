import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'tap'
import { safeguards } from '#safeguards/safeguards'
import { toConversation } from './conversation.ts'
import type { DialectName } from './dialect.ts'
import { dialectNamed } from './dialects.ts'
import { toFork } from './fork.ts'
import type { ForkPlan } from './fork.ts'
import type { SavedEntry } from './log-entry.ts'
import { driveRun } from './loop.ts'
import type { ModelAnswer } from './ports.ts'
import { call, createBench, startedEntry, toHead, typesOf } from './test-bench.ts'
import { verifyRequests } from './verify-requests.ts'

type Answers = Parameters<typeof createBench>[0]

/** A run as it was driven to its end: its log, and the bytes that were really sent. */
async function playRun(answers: Answers, options: Parameters<typeof createBench>[1] = {}) {
  const bench = createBench(answers, options)
  await driveRun(bench.drive)
  return bench
}

function verify(entries: readonly SavedEntry[], dialect: DialectName = 'chat') {
  const { toolsJson, systemPrompt } = toHead(dialectNamed(dialect))
  return [...verifyRequests({ entries, toolsJson, systemPrompt })]
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')
const outcomesOf = (entries: readonly SavedEntry[]): string[] => verify(entries).map(({ outcome }) => outcome)
const threeTurns: Partial<ModelAnswer>[] = [
  { content: 'First.', requests: [call('one')] },
  { requests: [call('two'), call('three')] },
  { content: 'Done.' },
]

test('every request that was sent is made again from the log, with its bytes and its place', async (t) => {
  for (const dialect of ['chat', 'responses'] as const) {
    const first = startedEntry(50)
    const internal = { ...first.internal, dialect }
    const log = [{ ...first, shown: dialectNamed(dialect).user('go'), internal, position: 1 }]
    const run = await playRun(threeTurns, { dialect, log })
    const verified = verify(run.log, dialect)
    t.strictSame(
      verified.map(({ digest, bytes, outcome }) => ({ digest, bytes, outcome })),
      run.bodies.map((body) => ({ digest: digestOf(body), bytes: Buffer.byteLength(body), outcome: 'same' })),
      dialect,
    )
    t.strictSame(
      verified.map(({ turn }) => turn),
      [1, 2, 3],
    )
    for (const { position } of verified) t.equal(run.log[position - 1]?.fact.type, 'agent_message')
  }
})

test('a run whose older part was summed up is verified too, the requests for summaries among its own', async (t) => {
  let made = 0
  const run = await playRun(
    (body) => {
      if (body.slice(-1_500).includes('Note for yourself')) return { content: `NOTES ${made}` }
      made += 1
      return made > 30 ? { content: 'Done.' } : { requests: [call(`step ${made}`)] }
    },
    { turns: 100, contextTokens: 16_000, results: () => 'x'.repeat(8_000) },
  )
  const verified = verify(run.log)
  t.ok(verified.filter(({ kind }) => kind === 'summary').length > 1)
  t.strictSame(
    verified.map(({ digest, outcome }) => ({ digest, outcome })),
    run.bodies.map((body) => ({ digest: digestOf(body), outcome: 'same' })),
  )
  const [one = 0, two = 0] = run.log.flatMap(({ fact, position }) => (fact.type === 'compacted' ? [position] : []))
  for (const request of verify(run.log.map((entry) => (entry.position === one ? { ...entry, shown: '{}' } : entry)))) {
    const isAfter = request.position > one && request.position <= two
    t.equal(request.outcome, isAfter ? 'differs' : 'same', 'what was put in its place is found until the next time')
  }
})

test('any change of what an entry shows is found, by each request that came after it and by none before', async (t) => {
  const answers = fc.array(
    fc.record({ content: fc.string({ unit: 'binary' }), calls: fc.integer({ min: 1, max: 3 }) }),
    { maxLength: 5 },
  )
  await fc.assert(
    fc.asyncProperty(
      answers,
      fc.string({ unit: 'binary' }),
      fc.nat(),
      fc.oneof(fc.string(), fc.constant(null)),
      async (told, result, pick, changed) => {
        const turns = told.map(({ content, calls }, turn) => ({
          content,
          requests: Array.from({ length: calls }, (_, index) => call(`do ${turn} ${index}`)),
        }))
        const { log } = await playRun([...turns, { content: 'Done.' }], { results: () => result })
        const last = log.findLast(({ fact }) => fact.type === 'agent_message')?.position ?? 0
        const shown = log.filter((entry) => entry.shown !== null && entry.position < last)
        const { position, shown: before } = shown[pick % shown.length] ?? { position: 0, shown: null }
        fc.pre(before !== changed)
        const tampered = log.map((entry) => (entry.position === position ? { ...entry, shown: changed } : entry))
        for (const request of verify(tampered))
          t.equal(request.outcome, request.position > position ? 'differs' : 'same')
      },
    ),
    { numRuns: 60 },
  )
})

test('a change of instructions, tools, model or options, and an answer without a digest, are found', async (t) => {
  const { log } = await playRun(threeTurns)
  const head = toHead(dialectNamed('chat'))
  const [first, ...rest] = log
  if (first?.fact.type !== 'run_started') return t.fail('a run begins with run_started')
  const changes = [
    { entries: log, ...head, systemPrompt: 'be bad' },
    { entries: log, ...head, toolsJson: '[]' },
    {
      entries: [{ ...first, fact: { ...first.fact, payload: { ...first.fact.payload, model: 'n' } } }, ...rest],
      ...head,
    },
    { entries: [{ ...first, internal: { ...first.internal, request_options: '"a":1,' } }, ...rest], ...head },
  ]
  for (const changed of changes)
    t.strictSame(
      [...verifyRequests(changed)].map(({ outcome }) => outcome),
      ['differs', 'differs', 'differs'],
    )
  const bare = log.map((entry) => (entry.fact.type === 'agent_message' ? { ...entry, internal: null } : entry))
  t.strictSame(outcomesOf(bare), ['no-digest', 'no-digest', 'no-digest'])
  t.strictSame(verify([]), [], 'a run without a log has asked nothing')
})

const plan: ForkPlan = { position: 0, generationId: 'g-2', sessionId: 's-2', model: undefined }

test('a run is forked where its model was asked next, and nowhere else; a refusal names what would do', async (t) => {
  const { log, bodies } = await playRun(threeTurns)
  const whole = withTools(log)
  const fits = whole
    .map(({ position }) => position)
    .filter((position) => {
      try {
        toFork(whole, { ...plan, position }, safeguards)
        return true
      } catch {
        return false
      }
    })
  const asked = whole.flatMap(({ fact, position }) => (fact.type === 'agent_message' ? position - 1 : []))
  t.strictSame(fits, [2, ...asked], 'before the bootstrap, and before each answer')
  t.equal(bodies.length, asked.length)
  const [first = 0, second = 0] = asked
  const refused = (position: number, says: RegExp): unknown =>
    t.throws(() => toFork(whole, { ...plan, position }, safeguards), { code: 'request.invalid', message: says })
  refused(1, /tools are not on record yet; entry 2 would do/)
  refused(first - 1, new RegExp(`a call is open; entries 2 and ${first} would do`))
  refused(first + 1, new RegExp(`not done yet; entries ${first} and ${second} would do`))
  refused(whole.length, /it has ended/)
  refused(whole.length + 1, new RegExp(`The run has ${whole.length} entries; entry ${asked.at(-1)} would do`))
})

test('a fork shows its model what the run showed, and goes on to an end of its own that verifies', async (t) => {
  const origin = await playRun(threeTurns)
  const whole = withTools(origin.log)
  const position = (whole.findLast(({ fact }) => fact.type === 'agent_message')?.position ?? 0) - 1
  const same = toFork(whole, { ...plan, position }, safeguards)
  t.ok(same.entries.every(({ fact }) => fact.payload.generation_id === 'g-2'))
  t.strictSame(
    same.entries.map(({ shown }) => shown),
    whole.slice(0, position).map(({ shown }) => shown),
  )
  t.match(same.entries[0], {
    fact: { payload: { session_id: 's-2', model: 'm' } },
    internal: { forked_from: { generation_id: 'g-1', position }, remote: true },
  })
  t.equal(same.entries[0]?.internal?.limits?.turns, 52, 'the turns that are copied are not counted again')
  t.strictSame(
    outcomesOf(toLog(same.entries)),
    ['same', 'same'],
    'and what is copied verifies where its model is the same',
  )

  const other = toFork(whole, { ...plan, position, model: 'n' }, safeguards)
  t.strictSame(outcomesOf(toLog(other.entries)), [], 'no request with the other model in it was ever made')
  const bench = await playRun([{ requests: [call('four')] }, { content: 'Otherwise.' }], { log: toLog(same.entries) })
  t.equal(bench.bodies[0], origin.bodies[2], 'byte for byte what the run asked there')
  t.equal(bench.drive.run.outcome, 'completed')
  t.strictSame(outcomesOf(bench.log), ['same', 'same', 'same', 'same'])
  t.equal(typesOf(bench.log).filter((type) => type === 'agent_message').length, 4)
})

test('a fork of a run that was cancelled, refused or wrong too often is made before that', async (t) => {
  const { log } = await playRun(threeTurns)
  const asked = log.findIndex(({ fact }) => fact.type === 'agent_message')
  const cancel: SavedEntry = {
    fact: { type: 'cancel_requested', payload: { generation_id: 'g-1', reason: 'enough', by: 'me' } },
    shown: null,
    internal: null,
    position: asked + 1,
  }
  const whole = withTools([...log.slice(0, asked), cancel])
  t.throws(() => toFork(whole, { ...plan, position: whole.length }, safeguards), {
    message: new RegExp(`had to end \\(cancelled\\); entry ${whole.length - 1} would do`),
  })
})

test('the next run of a fork’s conversation is told what was before the fork, once', async (t) => {
  const chat = dialectNamed('chat')
  const earlier = chat.user('EARLIER')
  const first = startedEntry(50)
  const { log } = await playRun(threeTurns, { log: [{ ...first, shown: `${earlier},${first.shown}`, position: 1 }] })
  const whole = withTools(log)
  const position = (whole.findLast(({ fact }) => fact.type === 'agent_message')?.position ?? 0) - 1
  const fork = toLog(toFork(whole, { ...plan, position }, safeguards).entries)
  t.equal(toConversation([fork], chat).split('EARLIER').length, 2)
  t.equal(toConversation([whole], chat).split('EARLIER').length, 1, 'of another run its own earlier runs tell it')
})

/** The bench has no entry for its instructions and tools; a real log has it second. */
function withTools(log: readonly SavedEntry[]): SavedEntry[] {
  const [first, ...rest] = log
  if (!first) return []
  const payload = { generation_id: 'g-1', system_digest: '', tools_digest: '', tools: ['Shell'] }
  return toLog([first, { fact: { type: 'toolbelt', payload }, shown: null, internal: null }, ...rest])
}

function toLog(entries: readonly Omit<SavedEntry, 'position'>[]): SavedEntry[] {
  return entries.map((entry, index) => ({ ...entry, position: index + 1 }))
}
