import fc from 'fast-check'
import { test } from 'tap'
import { answerOf, ask, open } from './test-model-client.ts'
import { finish, sendEvents, startModelServer } from './test-model-server.ts'

test('tool calls are put together whatever the server makes of index, id and name', async (t) => {
  const call = (
    index: number | undefined,
    id: string | undefined,
    of: { name?: string; args?: string | object | null },
  ) => ({
    tool_calls: [
      {
        ...(index === undefined ? {} : { index }),
        ...(id === undefined ? {} : { id }),
        function: { name: of.name, arguments: of.args },
      },
    ],
  })
  const a = { id: 'a', name: 'ReadFile', arguments: '{"p":"x"}' }
  const b = { id: 'b', name: 'Shell', arguments: '{"c":"ls"}' }
  const cases: Record<string, { deltas: object[]; requests?: object[] }> = {
    'as OpenAI does': {
      deltas: [
        call(0, 'a', { name: 'ReadFile', args: '' }),
        call(0, undefined, { args: '{"p":' }),
        call(0, undefined, { args: '"x"}' }),
        call(1, 'b', { name: 'Shell', args: '{"c":"ls"}' }),
      ],
    },
    'mixed among each other': {
      deltas: [
        call(0, 'a', { name: 'ReadFile' }),
        call(1, 'b', { name: 'Shell' }),
        call(0, undefined, { args: '{"p":"x"}' }),
        call(1, undefined, { args: '{"c":"ls"}' }),
      ],
    },
    'id and name again in each piece': {
      deltas: [
        call(0, 'a', { name: 'ReadFile', args: '{"p":' }),
        call(0, 'a', { name: 'ReadFile', args: '"x"}' }),
        call(1, 'b', { name: 'Shell', args: '{"c":"l' }),
        call(1, 'b', { name: 'Shell', args: 's"}' }),
      ],
    },
    'empty id and name in later pieces': {
      deltas: [
        call(0, 'a', { name: 'ReadFile', args: '{"p":' }),
        call(0, '', { name: '', args: '"x"}' }),
        call(1, 'b', { name: 'Shell', args: '{"c":"ls"}' }),
        call(1, '', { name: '', args: null }),
      ],
    },
    'a new id for each piece': {
      deltas: [
        call(0, 'a', { name: 'ReadFile', args: '{"p":' }),
        call(0, 'a2', { args: '"x"}' }),
        call(1, 'b', { name: 'Shell', args: '{"c":"ls"}' }),
      ],
    },
    'index 0 for all': {
      deltas: [
        call(0, 'a', { name: 'ReadFile', args: '{"p":"x"}' }),
        call(0, 'b', { name: 'Shell', args: '{"c":"ls"}' }),
      ],
    },
    'no index': {
      deltas: [
        call(undefined, 'a', { name: 'ReadFile', args: '{"p":' }),
        call(undefined, undefined, { args: '"x"}' }),
        call(undefined, 'b', { name: 'Shell', args: '{"c":"ls"}' }),
      ],
    },
    'all in one piece, without index': {
      deltas: [
        { tool_calls: [a, b].map(({ id, name, arguments: args }) => ({ id, function: { name, arguments: args } })) },
      ],
    },
    'no ids and index 0 for all': {
      deltas: [
        call(0, '', { name: 'Shell', args: '{"c":"a"}' }),
        call(0, '', { name: 'Shell', args: '{"c":"b"}' }),
        call(0, '', { name: 'ReadFile', args: '{}' }),
      ],
      requests: [
        { id: 'call_0', name: 'Shell', arguments: '{"c":"a"}' },
        { id: 'call_1', name: 'Shell', arguments: '{"c":"b"}' },
        { id: 'call_2', name: 'ReadFile', arguments: '{}' },
      ],
    },
    'no ids at all': {
      deltas: [call(0, undefined, { name: 'Shell', args: '{}' }), call(1, undefined, { name: 'Shell', args: '{}' })],
      requests: [
        { id: 'call_0', name: 'Shell', arguments: '{}' },
        { id: 'call_1', name: 'Shell', arguments: '{}' },
      ],
    },
    'one id twice': {
      deltas: [call(0, 'a', { name: 'ReadFile', args: '{}' }), call(1, 'a', { name: 'Shell', args: '{}' })],
      requests: [
        { id: 'a', name: 'ReadFile', arguments: '{}' },
        { id: 'a_2', name: 'Shell', arguments: '{}' },
      ],
    },
    'arguments as an object': {
      deltas: [
        call(0, 'a', { name: 'ReadFile', args: { p: 'x' } }),
        call(1, 'b', { name: 'Shell', args: { c: 'ls' } }),
      ],
    },
    'a name in two pieces': {
      deltas: [
        call(0, 'a', { name: 'Read' }),
        call(0, undefined, { name: 'File' }),
        call(0, undefined, { args: '{"p":"x"}' }),
        call(1, 'b', { name: 'Shell', args: '{"c":"ls"}' }),
      ],
    },
    'arguments that are no JSON are kept as they are': {
      deltas: [call(0, 'a', { name: 'ReadFile', args: '{"p": nul' })],
      requests: [{ id: 'a', name: 'ReadFile', arguments: '{"p": nul' }],
    },
    'an id no header or log should carry': {
      deltas: [call(0, 'a\u001b[2J', { name: 'Shell', args: '{}' })],
      requests: [{ id: 'call_0', name: 'Shell', arguments: '{}' }],
    },
    'ghosts without name and arguments': {
      deltas: [
        call(0, 'z', {}),
        call(1, 'a', { name: 'ReadFile', args: '{"p":"x"}' }),
        call(2, 'b', { name: 'Shell', args: '{"c":"ls"}' }),
      ],
    },
  }
  const server = await startModelServer(t, {
    replies: Object.values(cases).map(({ deltas }) => sendEvents([...deltas, finish('tool_calls')])),
  })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  for (const [title, { requests }] of Object.entries(cases)) {
    const answer = answerOf(t, (await ask(client)).outcome)
    t.strictSame(answer.requests, requests ?? [a, b], title)
    t.equal(answer.finishReason, 'tool_calls')
  }
})

test('tool calls survive any division into pieces', async (t) => {
  const written = fc.array(fc.json({ maxDepth: 2 }), { minLength: 1, maxLength: 4 })
  const server = await startModelServer(t, {
    replies: [(response, asked) => sendEvents(JSON.parse(asked.body) as object[])(response, asked)],
  })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  await fc.assert(
    fc.asyncProperty(written, fc.integer({ min: 1, max: 9 }), async (all, size) => {
      const deltas = all.flatMap((text, index) => [
        { tool_calls: [{ index, id: `c${index}`, function: { name: 'Tool', arguments: '' } }] },
        ...(text.match(new RegExp(`.{1,${size}}`, 'gsu')) ?? []).map((part) => ({
          tool_calls: [{ index, function: { arguments: part } }],
        })),
      ])
      const answer = answerOf(t, (await ask(client, JSON.stringify([...deltas, finish('tool_calls')]))).outcome)
      return JSON.stringify(answer.requests.map((one) => one.arguments)) === JSON.stringify(all)
    }),
    { numRuns: 40 },
  )
})
