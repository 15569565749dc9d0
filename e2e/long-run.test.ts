import { test } from 'tap'
import { createSystem } from '#support/system'

type Event = { type: string; payload: Record<string, unknown> }

const contextTokens = 32_768
const turns = 200
const plan = '# Plan\n1. Count on\n2. Stop at two hundred\n'
const print = (line: string) => `echo ${line}-{{n}}; head -c 20000 /dev/zero | tr '\\0' x`

test('a run of 200 turns with 20 kB each is summed up on the way, keeps its plan, and its requests stay small', async (t) => {
  const { codegen, model } = await createSystem(t, {
    files: { 'a.txt': 'one\n' },
    env: { CODEGEN_MODEL_CONTEXT: String(contextTokens) },
    scenario: {
      conversations: [
        { name: 'notes', when: 'Your context is nearly full', steps: [{ loop: 200, text: 'I am counting.' }] },
        {
          name: 'count',
          when: 'count on for long',
          steps: [
            { calls: [{ tool: 'WriteFile', arguments: { file_path: '.codegen/plan.md', content: plan } }] },
            { expect: [{ results: 1 }], calls: [{ tool: 'Shell', arguments: { command: print('turn') } }] },
            {
              loop: turns - 2,
              expect: [{ matches: '/turn-\\d+/' }],
              calls: [{ tool: 'Shell', arguments: { command: print('turn') } }],
            },
            { expect: [{ contains: `turn-${turns}` }], text: 'Two hundred.' },
          ],
        },
      ],
    },
  })
  const ended = await codegen(['--auto', '--json', '--max-turns', '300', 'count on for long'])
  t.equal(ended.code, 0, ended.stderr)
  const events = ended.stdout
    .trim()
    .split('\n')
    .map((line): Event => JSON.parse(line))
  const compactions = events.filter(({ type }) => type === 'compacted')
  t.match(events.at(-1), { type: 'run_finished', payload: { status: 'completed', usage: { turns: turns + 1 } } })
  t.ok(compactions.length >= 20, `${compactions.length} compactions`)
  for (const { payload } of compactions) {
    t.match(payload, { reason: 'full', summary: 'model', content: /count on for long/ })
    t.ok(String(payload['content']).includes(plan.trim()), 'the plan is kept')
    t.ok(Number(payload['tokens_after']) * 2 < Number(payload['tokens_before']))
  }

  const sizes = model.requests.map(({ bytes }) => bytes)
  t.equal(sizes.length, turns + 1 + compactions.length, 'nothing was asked twice')
  t.ok((sizes[0] ?? Infinity) <= 8 * 1024)
  t.ok(Math.max(...sizes) <= contextTokens * 4, `${Math.max(...sizes)} bytes`)
  t.ok(Math.max(...sizes.slice(-60)) <= Math.max(...sizes.slice(0, 60)) * 1.1, 'and the last are as small as the first')
})
