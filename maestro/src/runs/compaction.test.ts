import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import type { RunTool, ToolResult } from '@codegen/protocol/wire'
import { limits } from '#limits'
import { requestTokensMax } from './context-room.ts'
import { toCarriedRecap, toConversation } from './conversation.ts'
import type { DialectName } from './dialect.ts'
import { dialectNamed } from './dialects.ts'
import type { SavedEntry } from './log-entry.ts'
import { toRecapText } from './recap-text.ts'
import { foldRun } from './run.ts'
import { driveRun } from './loop.ts'
import type { ModelAnswer, ModelFault } from './ports.ts'
import { createBench, toTranscript } from './test-bench.ts'

type Play = {
  prompt: string
  contextTokens: number
  dialect?: DialectName
  log?: readonly SavedEntry[]
  answer(request: { body: string; isSummary: boolean }): Partial<ModelAnswer> | ModelFault
  result(call: RunTool): Partial<ToolResult>
}

/** Plays a run to its end. Its model counts four characters a token. */
async function playRun({ prompt, dialect = 'chat', contextTokens, answer, result, ...of }: Play) {
  const log = of.log ?? [startedEntry(prompt, dialect)]
  const bench = createBench(
    (body) => {
      const told = answer({ body, isSummary: body.slice(-1_500).includes('Note for yourself') })
      const usage = { inputTokens: Math.ceil(body.length / 4), outputTokens: 1, cachedTokens: 0, reasoningTokens: 0 }
      return told.kind === 'fault' ? told : { usage, ...told }
    },
    { log, dialect, contextTokens, results: result },
  )
  await driveRun(bench.drive)
  return { ...bench, compactions: bench.log.filter(({ fact }) => fact.type === 'compacted') }
}

function startedEntry(prompt: string, dialect: DialectName = 'chat', earlier = ''): SavedEntry {
  const payload = { generation_id: 'g-1', session_id: 's', prompt, cwd: '/p', mode: 'auto', model: 'm' } as const
  const shown = dialectNamed(dialect).user(prompt)
  return {
    position: 1,
    fact: { type: 'run_started', payload },
    shown: earlier === '' ? shown : `${earlier},${shown}`,
    internal: { limits: { turns: 1_000, tokens: 1e9, seconds: 3_600 }, ...(dialect === 'chat' ? {} : { dialect }) },
  }
}

const call = (name: string, parameters: object, id: string) => ({ id, name, arguments: JSON.stringify(parameters) })
const shell = (command: string, id: string) => call('Shell', { command }, id)
const full = new Failure('model.context_full', 'too long')

/** So many turns of one command each, then an end. */
const turns = (count: number) => {
  let made = 0
  return ({ isSummary }: { isSummary: boolean }) => {
    if (isSummary) return { content: `NOTES ${made}` }
    made += 1
    return made > count ? { content: 'Done.' } : { requests: [shell(`step ${made}`, `c-${made}`)] }
  }
}

type Message = { role: string; content: string | null; tool_calls?: { id: string }[]; tool_call_id?: string }

/** Fails unless every call has its result right after its answer, and every result its call. */
function findLoose(body: string): string | undefined {
  const { messages }: { messages: Message[] } = JSON.parse(body)
  let open = new Set<string>()
  for (const { role, tool_calls, tool_call_id } of messages) {
    if (role === 'tool') {
      if (!open.delete(tool_call_id ?? '')) return `no call ${tool_call_id}`
    } else {
      if (open.size > 0) return `no result of ${[...open].join()}`
      open = new Set(tool_calls?.map(({ id }) => id))
    }
  }
  return open.size > 0 ? `no result of ${[...open].join()}` : undefined
}

const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

/** The digests of all requests, made again from the log alone, and those that were saved. */
function digestsOf(log: readonly SavedEntry[], dialect: 'chat' | 'responses' = 'chat') {
  const transcript = toTranscript([], dialect)
  const made: string[] = []
  for (const entry of log) {
    const { asked, asked_before } = entry.internal ?? {}
    if (entry.fact.type === 'agent_message') made.push(transcript.toRequest().digest)
    if (asked !== undefined) made.push(transcript.toRequestBefore(asked_before ?? 0, asked).digest)
    transcript.add(entry)
  }
  return { made, saved: log.flatMap(({ internal }) => internal?.request_digest ?? []) }
}

test('a long run is summed up before its context is full, as often as it must, and goes on', async (t) => {
  const contextTokens = 16_000
  const { log, bodies, compactions, drive } = await playRun({
    prompt: 'Count to sixty.',
    contextTokens,
    answer: turns(60),
    result: () => ({ result: 'x'.repeat(8_000), structured: { exit_code: 0 } }),
  })
  t.equal(drive.run.outcome, 'completed')
  t.equal(drive.run.turns, 61)
  t.ok(compactions.length > 5, `${compactions.length} compactions`)
  const longest = Math.max(...bodies.map((body) => body.length))
  t.ok(longest / 4 < contextTokens, `${longest} characters`)
  for (const body of bodies) t.equal(findLoose(body), undefined)
  for (const body of bodies.slice(-5)) t.match(body, 'Count to sixty.')
  t.strictSame(digestsOf(log).made, digestsOf(log).saved)
  t.strictSame(foldRun(log), drive.run)
  const [first] = compactions
  t.match(first?.fact.payload, { reason: 'full', summary: 'model', content: /NOTES/ })
})

test('the request for a summary begins with the bytes of an earlier one', async (t) => {
  const bodies: { body: string; isSummary: boolean }[] = []
  const answer = turns(12)
  await playRun({
    prompt: 'go',
    contextTokens: 8_000,
    answer(request) {
      bodies.push(request)
      return answer(request)
    },
    result: () => ({ result: 'x'.repeat(6_000) }),
  })
  const at = bodies.findIndex(({ isSummary }) => isSummary)
  const asked = bodies[at]?.body ?? ''
  const common = asked.slice(0, asked.lastIndexOf(',{"role":"user"'))
  t.ok(at > 1)
  t.ok(bodies.slice(0, at).some(({ body }) => body.startsWith(common)))
})

test('what is kept: task, plan, files, commands and notes; the newest turns stay word for word', async (t) => {
  const steps = [
    call('WriteFile', { file_path: './.codegen/plan.md', content: '1. Whistle\n2. Dance\n' }, 'w1'),
    call('Edit', { file_path: '.codegen/plan.md', old_string: '1. Whistle', new_string: '1. Whistle $& (done)' }, 'e1'),
    call('Edit', { file_path: 'src/a.ts', old_string: 'a', new_string: 'b' }, 'e2'),
    call('Edit', { file_path: 'src/a.ts', old_string: 'b', new_string: 'c' }, 'e3'),
    call('Edit', { file_path: 'src/no.ts', old_string: 'b', new_string: 'c' }, 'e4'),
    shell('npm test', 's1'),
    ...Array.from({ length: 8 }, (_, index) => shell(`noise ${index}`, `n${index}`)),
  ]
  let made = 0
  const { compactions, bodies, log } = await playRun({
    prompt: 'Dance, please.',
    contextTokens: 10_000,
    answer({ isSummary }) {
      if (isSummary) return { content: 'I whistled.' }
      const step = steps[made]
      made += 1
      return step ? { requests: [step] } : { content: 'Done.' }
    },
    result: ({ parameters }) => {
      if (parameters['file_path'] === 'src/no.ts') return { status: 'error', result: 'no match' }
      if (parameters['command'] === 'npm test') return { status: 'error', result: 'red', structured: { exit_code: 1 } }
      return { result: 'x'.repeat(3_000) }
    },
  })
  const fact = compactions[0]?.fact
  const { content, kept_from: keptFrom } = fact?.type === 'compacted' ? fact.payload : { content: '', kept_from: 0 }
  for (const kept of [
    'Dance, please.',
    '1. Whistle $& (done)\n2. Dance',
    'src/a.ts (2 times)',
    'npm test => exit code 1',
    'I whistled.',
  ])
    t.ok(content.includes(kept), kept)
  t.notMatch(content, 'src/no.ts', 'what failed changed nothing')
  const { messages }: { messages: Message[] } = JSON.parse(bodies.at(-1) ?? '')
  t.match(messages[1], { role: 'user', content: /Dance, please/ })
  const tail = log.filter(({ position }) => position >= keptFrom && position < (compactions[0]?.position ?? 0))
  const shown = tail.flatMap((entry) => entry.shown ?? [])
  t.ok(shown.length >= 2, 'an answer and its result at least')
  t.ok(
    bodies.some((body) => body.endsWith(`,${shown.join(',')}]}`)),
    'the request after it ends with them',
  )
  t.equal(messages[2]?.role, 'assistant', 'the tail begins with an answer')
})

test('a prompt longer than the context is cut in its middle, said so, and answered', async (t) => {
  const { bodies, compactions, drive } = await playRun({
    prompt: `begin ${'long '.repeat(40_000)} end`,
    contextTokens: 10_000,
    answer: turns(1),
    result: () => ({ result: 'fine' }),
  })
  t.equal(drive.run.outcome, 'completed')
  t.equal(compactions.length, 1)
  t.match(compactions[0]?.fact.payload, { summary: 'facts', content: /begin[^]*characters cut here[^]* end/ })
  t.ok((bodies[0]?.length ?? Infinity) < 40_000)
})

test('results that no context holds are cut where they stand, and each is told', async (t) => {
  let asked = 0
  const { bodies, compactions, drive } = await playRun({
    prompt: 'go',
    contextTokens: 10_000,
    answer({ isSummary }) {
      if (isSummary) return { content: 'Notes.' }
      asked += 1
      return asked > 1 ? { content: 'Done.' } : { requests: ['a', 'b', 'c'].map((name) => shell(name, name)) }
    },
    result: ({ parameters, bootstrap }) => ({
      result: bootstrap ? 'fine' : `<${String(parameters['command'])}>${'y'.repeat(90_000)}</>`,
    }),
  })
  t.equal(drive.run.outcome, 'completed')
  t.equal(compactions.length, 1)
  const { content } = JSON.parse(bodies.at(-1) ?? '').messages.at(-1)
  for (const name of ['a', 'b', 'c']) t.match(content, `<${name}>`)
  t.match(content, /characters cut here/)
})

test('a request refused as too long is made again, shorter; what that taught is remembered', async (t) => {
  const real = 40_000
  let refused = 0
  const answer = turns(30)
  const { bodies, compactions, drive } = await playRun({
    prompt: 'go',
    contextTokens: 1_000_000,
    answer(request) {
      if (request.body.length <= real) return answer(request)
      refused += 1
      return { kind: 'fault', failure: full }
    },
    result: () => ({ result: 'x'.repeat(4_000) }),
  })
  t.equal(drive.run.outcome, 'completed')
  t.match(compactions[0]?.fact.payload, { reason: 'refused' })
  t.match(compactions[1]?.fact.payload, { reason: 'full' })
  t.ok(compactions.length > 2)
  t.ok(refused <= 2, `${refused} refusals`)
  for (const body of bodies) t.equal(findLoose(body), undefined)
})

test('a model that always says its context is full ends the run as a limit, after a few tries', async (t) => {
  const { bodies, drive, compactions } = await playRun({
    prompt: 'go '.repeat(20_000),
    contextTokens: 100_000,
    answer: () => ({ kind: 'fault', failure: full }),
    result: () => ({ result: 'x'.repeat(20_000) }),
  })
  t.equal(drive.run.outcome, 'limit')
  t.match(drive.run.error, /context/)
  t.ok(compactions.length <= limits.compaction.inARowMax)
  t.ok(bodies.length <= 2 * limits.compaction.inARowMax + 2, `${bodies.length} requests`)
})

test('turns that fill the context again at once end the run as a limit', async (t) => {
  const { drive, compactions } = await playRun({
    prompt: 'go',
    contextTokens: 6_000,
    answer: turns(50),
    result: () => ({ result: 'x'.repeat(80_000) }),
  })
  t.equal(drive.run.outcome, 'limit')
  t.match(drive.run.error, /in a row/)
  t.equal(compactions.length, limits.compaction.inARowMax)
})

test('tools and instructions that leave no room are said to be the reason', async (t) => {
  const { drive } = await playRun({
    prompt: 'go '.repeat(2_000),
    contextTokens: 1_000,
    answer: turns(1),
    result: () => ({ result: 'fine' }),
  })
  t.equal(drive.run.outcome, 'limit')
  t.match(drive.run.error, /no room for work/)
})

test('without a summary of the model the kept facts do, and the last one it wrote is kept', async (t) => {
  const answers = ['First notes.', 'w'.repeat(100_000), '']
  const { compactions, drive } = await playRun({
    prompt: 'go',
    contextTokens: 8_000,
    answer: (
      (answer) => (request: { isSummary: boolean }) =>
        request.isSummary ? { content: answers.shift() ?? '' } : answer(request)
    )(turns(30)),
    result: () => ({ result: 'x'.repeat(5_000) }),
  })
  t.equal(drive.run.outcome, 'completed')
  t.match(compactions[0]?.fact.payload, { summary: 'model', content: /First notes/ })
  t.match(compactions[1]?.fact.payload, { summary: 'facts', content: /First notes/ })
  t.match(compactions[2]?.fact.payload, { summary: 'facts', content: /First notes/ })
})

test('a conversation goes on from what its last compaction left, in either dialect', async (t) => {
  const long = { contextTokens: 8_000, result: () => ({ result: 'x'.repeat(5_000) }) }
  const first = await playRun({ ...long, prompt: 'First task.', answer: turns(20) })
  const kept = first.compactions.at(-1)?.fact
  if (kept?.type !== 'compacted') throw new Error('The first run was not summed up.')
  for (const name of ['chat', 'responses'] as const) {
    const dialect = dialectNamed(name)
    const conversation = toConversation([[...first.log]], dialect)
    t.ok(conversation.startsWith(dialect.user(kept.payload.content)))
    t.match(conversation, 'Done.')
    t.ok(conversation.length < 30_000)
  }

  const earlier = toConversation([first.log], dialectNamed('chat'))
  t.equal(findLoose(`{"messages":[${earlier}]}`), undefined)
  const started = startedEntry('Second task.', 'chat', earlier)
  const recap = toCarriedRecap([first.log])
  const log = [{ ...started, internal: { ...started.internal, ...(recap ? { recap } : {}) } }]
  const second = await playRun({ ...long, contextTokens: 6_000, prompt: '', log, answer: turns(12) })
  t.equal(second.drive.run.outcome, 'completed')
  const content = second.compactions[0]?.fact.type === 'compacted' ? second.compactions[0].fact.payload.content : ''
  t.match(content, 'Second task.')
  t.match(content, /First task\.\n {2}You answered: Done\./)
})

test('whatever a run holds: what is left is well formed, bounded, and the same for every replica', async (t) => {
  const answer = fc.record({
    calls: fc.integer({ min: 1, max: 4 }),
    content: fc.string({ unit: 'binary', maxLength: 200 }),
    characters: fc.constantFrom(0, 10, 500, 3_000, 20_000, 120_000),
    filler: fc.constantFrom('x', '漢', '"\\', '\u0000', '🙂', '\n'),
  })
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        dialect: fc.constantFrom('chat' as const, 'responses' as const),
        contextTokens: fc.integer({ min: 4_096, max: 40_000 }),
        answers: fc.array(answer, { maxLength: 25 }),
        prompt: fc.string({ unit: 'binary', maxLength: 40 }),
        promptTimes: fc.constantFrom(1, 10, 3_000),
        summary: fc.constantFrom('', 'short', 's'.repeat(9_000), 's'.repeat(50_000)),
        refuses: fc.boolean(),
      }),
      async ({ dialect, contextTokens, answers, prompt, promptTimes, summary, refuses }) => {
        let made = 0
        const bodies: string[] = []
        const { log, drive } = await playRun({
          dialect,
          prompt: `p${prompt.repeat(promptTimes)}`,
          contextTokens,
          answer({ body, isSummary }) {
            if (refuses && body.length > contextTokens * 3) return { kind: 'fault', failure: full }
            if (isSummary) return { content: summary }
            bodies.push(body)
            const next = answers[made]
            made += 1
            if (!next) return { content: 'Done.' }
            const ids = Array.from({ length: next.calls }, (_, index) => `c${made}-${index}`)
            return { content: next.content, requests: ids.map((id) => shell(`run ${id}`, id)) }
          },
          result: () => {
            const { filler, characters } = answers[made - 1] ?? { filler: '', characters: 0 }
            return { result: filler.repeat(characters / 2) }
          },
        })
        const most = requestTokensMax(contextTokens) * limits.compaction.charactersPerTokenMax
        for (const body of bodies) {
          if (dialect === 'chat') t.equal(findLoose(body), undefined)
          t.ok(body.length <= most)
        }
        t.ok(drive.run.outcome === 'completed' || drive.run.outcome === 'limit')
        const { made: digests, saved } = digestsOf(log, dialect)
        t.strictSame(digests, saved)
        t.equal(toTranscript(log, dialect).toRequest().digest, drive.transcript.toRequest().digest)
        t.strictSame(toTranscript(log, dialect).recap(), drive.transcript.recap())
        t.strictSame(foldRun(log), drive.run)
        for (const { fact } of log) {
          if (fact.type !== 'compacted') continue
          t.ok(fact.payload.tokens_after < fact.payload.tokens_before)
        }
      },
    ),
    { numRuns: 80 },
  )
})

test('the text that takes the place of the older part keeps its bound, whatever is in it', (t) => {
  const text = fc.string({ unit: 'binary', maxLength: 3_000 })
  const state = fc.record({
    earlier: fc.array(fc.record({ prompt: text, answer: text }), { maxLength: 4 }),
    prompt: text,
    inputs: fc.array(text, { maxLength: 4 }),
    plan: text,
    files: fc.array(fc.record({ path: text, changes: fc.nat(9) }), { maxLength: 4 }),
    commands: fc.array(fc.record({ command: text, ending: text }), { maxLength: 4 }),
    summary: text,
    results: fc.array(fc.record({ call: text, text }), { maxLength: 4 }),
    answer: text,
  })
  fc.assert(
    fc.property(
      state,
      fc.integer({ min: limits.compaction.textCharactersMin, max: 20_000 }),
      fc.boolean(),
      (recap, charactersMax, hasTail) => {
        const rendered = toRecapText(recap, { charactersMax, hasTail })
        t.ok(rendered.length <= charactersMax, `${rendered.length} of ${charactersMax}`)
        t.equal(digestOf(rendered), digestOf(toRecapText(recap, { charactersMax, hasTail })))
      },
    ),
    { numRuns: 200 },
  )
  t.end()
})
