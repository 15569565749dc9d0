import { Failure } from '@codegen/protocol/failure'
import fc from 'fast-check'
import { test } from 'tap'
import type { DialectName } from './dialect.ts'
import { dialectNamed } from './dialects.ts'
import { driveRun } from './loop.ts'
import type { ModelAnswer, Toolbelt } from './ports.ts'
import { createTranscript } from './request-text.ts'
import { foldRun } from './run.ts'
import { call, createBench, startedEntry, typesOf } from './test-bench.ts'
import { toText, toToolbeltEntry, toToolsText } from './toolbelt-entry.ts'
import { verifyRequests } from './verify-requests.ts'

const system = toText('be good')

function toolbeltOf(...names: string[]): Toolbelt {
  return {
    names,
    json: JSON.stringify(
      names.map((name) => ({ type: 'function', function: { name, description: '', parameters: {} } })),
    ),
    check: ({ name, arguments: text }) =>
      names.includes(name)
        ? { kind: 'call', parameters: { command: text }, timeoutMs: undefined }
        : { kind: 'wrong', failure: new Failure('tool.unknown', `There is no tool "${name}".`) },
  }
}

/** Drives a run whose executor offers `offers[n]` from its n-th request on: while that is being answered there is the next one already. */
async function play(
  answers: Partial<ModelAnswer>[],
  offers: readonly Toolbelt[],
  options: { dialect?: DialectName; contextTokens?: number; results?: string } = {},
) {
  const { dialect = 'chat', results = 'fine', ...more } = options
  const first = offers[0] ?? toolbeltOf('Shell')
  const tools = toToolsText(dialectNamed(dialect), first)
  const started = startedEntry(50)
  const log = [
    { ...started, internal: { ...started.internal, dialect }, position: 1 },
    {
      ...toToolbeltEntry('g-1', { systemDigest: system.digest, tools, toolbelt: first, texts: [system, tools] }),
      position: 2,
    },
  ]
  const bench = createBench(answers, {
    ...more,
    dialect,
    log,
    results: () => results,
    asked: (turn) => {
      bench.drive.toolbelt = offers[turn] ?? bench.drive.toolbelt
    },
  })
  bench.drive.toolbelt = first
  await driveRun(bench.drive)
  return bench
}

const outcomesOf = (entries: Awaited<ReturnType<typeof play>>['log']): string[] =>
  [...verifyRequests({ entries, toolsJson: '[]', systemPrompt: '' })].map(({ outcome }) => outcome)

test('other tools are an entry before the next request, which has them; the same tools in another hand are none', async (t) => {
  const offers = [toolbeltOf('Shell'), toolbeltOf('Shell'), toolbeltOf('Shell', 'wiki'), toolbeltOf('Shell', 'wiki')]
  const answers = ['a', 'b', 'c'].map((command) => ({ requests: [call(command)] }))
  const { log, bodies } = await play([...answers, { content: 'done' }], offers)
  t.strictSame(
    bodies.map((body) => body.includes('"name":"wiki"')),
    [false, false, true, true],
  )
  const at = typesOf(log).flatMap((type, index) => (type === 'toolbelt' ? [index] : []))
  t.equal(at.length, 2)
  t.match(log[at[1] ?? 0], { fact: { payload: { system_digest: system.digest, tools: ['Shell', 'wiki'] } } })
  t.match(log[at[1] ?? 0], { texts: [{ body: offers[2]?.json }] }, 'with the one text that is new')
  t.strictSame(outcomesOf(log), ['same', 'same', 'same', 'same'])
})

test('a tool that is gone is answered as gone, once; whoever asks on is wrong as with any unknown one', async (t) => {
  const wiki = { id: 'w', name: 'wiki', arguments: '{}' }
  const answers = [{ requests: [wiki, call('a')] }, { requests: [{ ...wiki, id: 'v' }] }, { content: 'done' }]
  const { log, calls, drive } = await play(answers, [toolbeltOf('Shell', 'wiki'), toolbeltOf('Shell')])
  t.strictSame(
    calls.map(({ tool_name }) => tool_name).filter((name) => name === 'wiki'),
    [],
  )
  const answered = log.filter(({ fact }) => fact.type === 'tool_call_finished' && fact.payload.tool_name === 'wiki')
  t.match(answered, [
    {
      fact: {
        payload: { status: 'error', error: { code: 'tool.unknown', message: /"wiki" is gone.*There are: Shell\./ } },
      },
    },
    { fact: { payload: { error: { code: 'tool.unknown', message: 'There is no tool "wiki".' } } } },
  ])
  t.strictSame(
    answered.map(({ internal }) => internal?.wrong),
    [undefined, true],
  )
  t.equal(drive.run.outcome, 'completed')
})

test('however tools come and go, each request is made again from the log, and by whoever goes on with the run', async (t) => {
  const toolbelt = fc
    .uniqueArray(fc.constantFrom('Shell', 'a', 'b', 'c'), { maxLength: 4 })
    .map((names) => toolbeltOf(...names))
  const answer = fc.record({
    content: fc.string({ maxLength: 20 }),
    requests: fc.uniqueArray(fc.constantFrom(call('a'), call('b')), { minLength: 1, maxLength: 2 }),
  })
  const run = fc.record({
    answers: fc.array(answer, { maxLength: 8 }),
    offers: fc.array(toolbelt, { minLength: 1, maxLength: 8 }),
    dialect: fc.constantFrom<DialectName>('chat', 'responses'),
    contextTokens: fc.constantFrom(4_096, 128_000),
    results: fc.constantFrom('fine', 'x'.repeat(3_000)),
  })
  let summedUp = 0
  await fc.assert(
    fc.asyncProperty(run, async ({ answers, offers, ...options }) => {
      const { log, drive } = await play([...answers, { content: 'done' }], offers, options)
      if (typesOf(log).includes('compacted')) summedUp += 1
      t.ok(outcomesOf(log).every((outcome) => outcome === 'same'))
      t.strictSame(foldRun(log), drive.run)

      const last = log.findLast(({ fact }) => fact.type === 'toolbelt')
      const dialect = dialectNamed(options.dialect)
      const toolsJson = last?.texts?.at(-1)?.body ?? ''
      const transcript = createTranscript(dialect, { model: 'm', toolsJson, systemPrompt: system.body, options: '' })
      for (const { texts: _, ...entry } of log) transcript.add(entry)
      t.equal(transcript.toRequest().body, drive.transcript.toRequest().body)
    }),
    { numRuns: 100 },
  )
  t.ok(summedUp > 0, 'runs that were summed up among them')
})
