import fc from 'fast-check'
import { test } from 'tap'
import { responsesDialect } from '#runs/responses-dialect'
import { toRequestStyle } from './request-style.ts'
import { answerOf, ask, askOf, failureOf, hello, open, texts } from './test-model-client.ts'
import { toEventText } from './test-response-events.ts'
import { sendEvents, startModelServer } from './test-model-server.ts'
import type { Reply } from './test-model-server.ts'
import { createThinkTags } from './think-tags.ts'

const thought = {
  type: 'reasoning',
  id: 'rs_1',
  summary: [{ type: 'summary_text', text: 'Hm.' }],
  encrypted_content: 'x==',
}
const called = { type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'Shell', arguments: '{"command":"ls"}' }
const said = (text: string, phase?: string) => ({
  type: 'message',
  role: 'assistant',
  content: [{ type: 'output_text', text, annotations: [] }],
  ...(phase ? { phase } : {}),
})
const completed = (output: object[], more: object = {}) => ({
  type: 'response.completed',
  response: { object: 'response', status: 'completed', error: null, output, usage: null, ...more },
})

/** Sends these events and nothing to say that they were all, as OpenAI does. */
function sendResponse(events: object[]): Reply {
  return (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(events.map(toEventText).join(''))
  }
}

const dialect = 'responses'
const items = [thought, said('I look.', 'commentary'), called]
const streamed = [
  { type: 'response.created', response: { status: 'in_progress', error: null } },
  { type: 'response.output_item.added', output_index: 0, item: { type: 'reasoning', id: 'rs_1', summary: [] } },
  { type: 'response.reasoning_summary_part.added', output_index: 0, summary_index: 0 },
  { type: 'response.reasoning_summary_text.delta', output_index: 0, summary_index: 0, delta: 'Hm.' },
  { type: 'response.output_item.done', output_index: 0, item: thought },
  { type: 'response.output_item.added', output_index: 1, item: { ...said('', 'commentary'), content: [] } },
  { type: 'response.output_text.delta', output_index: 1, content_index: 0, delta: 'I ' },
  { type: 'response.output_text.delta', output_index: 1, content_index: 0, delta: 'look.' },
  { type: 'response.output_text.done', output_index: 1, content_index: 0, text: 'I look.' },
  { type: 'response.output_item.done', output_index: 1, item: said('I look.', 'commentary') },
  { type: 'response.output_item.added', output_index: 2, item: { ...called, arguments: '' } },
  { type: 'response.function_call_arguments.delta', output_index: 2, item_id: 'fc_1', delta: '{"command"' },
  { type: 'response.function_call_arguments.delta', output_index: 2, item_id: 'fc_1', delta: ':"ls"}' },
  { type: 'response.function_call_arguments.done', output_index: 2, item_id: 'fc_1', arguments: called.arguments },
  { type: 'response.output_item.done', output_index: 2, item: called },
  completed(items),
]

test('an answer is the same whatever of it is streamed', async (t) => {
  const isWhole = ({ type }: { type: string }) => type === 'response.output_item.done' || type === 'response.completed'
  for (const [title, events] of Object.entries({
    'all of it': streamed,
    'whole items': streamed.filter(isWhole),
    'its end alone': [completed(items)],
  })) {
    const { outcome, told } = await askOf(t, [sendResponse(events)], { dialect })
    const answer = answerOf(t, outcome)
    t.equal(answer.content, 'I look.', title)
    t.equal(texts(told), 'I look.', title)
    t.equal(texts(told, 'reasoning'), 'Hm.', title)
    t.strictSame(answer.requests, [{ id: 'call_1', name: 'Shell', arguments: called.arguments }], title)
    t.equal(answer.finishReason, 'tool_calls', title)
    t.strictSame(
      JSON.parse(`[${responsesDialect.answer(answer)}]`),
      [
        thought,
        { type: 'message', role: 'assistant', content: 'I look.', phase: 'commentary' },
        { type: 'function_call', call_id: 'call_1', name: 'Shell', arguments: called.arguments },
      ],
      title,
    )
  }
})

test('several messages are paragraphs to the reader, and themselves to the model', async (t) => {
  const output = [said('First.'), called, said('Second.')]
  const { outcome, told } = await askOf(t, [sendResponse([completed(output)])], { dialect })
  const answer = answerOf(t, outcome)
  t.equal(answer.content, 'First.\n\nSecond.')
  t.equal(texts(told), answer.content)
  t.match(JSON.parse(`[${responsesDialect.answer(answer)}]`), [
    { content: 'First.' },
    { call_id: 'call_1' },
    { content: 'Second.' },
  ])
})

test('a thought that its server could not read again does not go back', async (t) => {
  const { encrypted_content: _, ...unreadable } = thought
  const open = { ...unreadable, content: [{ type: 'reasoning_text', text: 'Aloud.' }] }
  for (const [item, goesBack] of [
    [unreadable, false],
    [open, true],
  ] as const) {
    const { outcome } = await askOf(t, [sendResponse([completed([item, said('Done.')])])], { dialect })
    const shown = JSON.parse(`[${responsesDialect.answer(answerOf(t, outcome))}]`)
    t.equal(shown[0].type === 'reasoning', goesBack)
  }
})

test('why a response is incomplete is why the answer ended', async (t) => {
  for (const [reason, finishReason] of [
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
    ['something', 'other'],
  ]) {
    const response = { status: 'incomplete', incomplete_details: { reason }, error: null, output: [said('Hel')] }
    const { outcome } = await askOf(t, [sendResponse([{ type: 'response.incomplete', response }])], { dialect })
    t.match(answerOf(t, outcome), { content: 'Hel', finishReason })
  }
})

test('a failed response is a fault as any other: asked again, or told at once', async (t) => {
  const failed = (code: string, message: string) =>
    sendResponse([{ type: 'response.failed', response: { status: 'failed', error: { code, message }, output: [] } }])
  const again = await askOf(t, [failed('server_error', 'Something broke'), hello], { dialect })
  t.equal(answerOf(t, again.outcome).content, 'Hello')
  const limited = await askOf(t, [failed('rate_limit_exceeded', 'Slow down')], { dialect, bounds: { attemptsMax: 2 } })
  t.match(failureOf(t, limited.outcome).message, /turned the request away \(429: Slow down\)/)
  const long = await askOf(t, [failed('context_length_exceeded', 'Your input exceeds the context window')], { dialect })
  t.match(failureOf(t, long.outcome).message, /no longer fits/)
  t.equal(long.server.asked.length, 1)
})

test('a stream that says it is over leaves its connection to the next request', async (t) => {
  const server = await startModelServer(t, { replies: [sendEvents([{ content: 'Hello' }, finishOf()])] })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  for (let turn = 0; turn < 4; turn++) answerOf(t, (await ask(client, undefined, { dialect })).outcome)
  t.equal(server.socketsOpened(), 1)
})

function finishOf(): object {
  return { choices: [{ finish_reason: 'stop' }] }
}

test('what else a request carries depends on who is asked', (t) => {
  const of = (more: object, config: object = {}) =>
    toRequestStyle({ ...config }, { model: 'gpt-5.5', sessionId: 's-1', isOpenAi: true, ...more })
  t.strictSame(of({}), { dialect: 'chat', options: '"prompt_cache_key":"s-1",' })
  t.strictSame(of({ isOpenAi: false }), { dialect: 'chat', options: '' }, 'others are sent what all of them know')
  t.strictSame(of({}, { api: 'responses' }), {
    dialect: 'responses',
    options: '"prompt_cache_key":"s-1","include":["reasoning.encrypted_content"],',
  })
  t.equal(of({ model: 'gpt-4.1' }, { api: 'responses' }).options, '"prompt_cache_key":"s-1",', 'it thinks nothing')
  t.match(of({ model: 'tomorrow' }, { api: 'responses' }).options, 'encrypted_content')
  t.equal(of({ model: 'mistral', isOpenAi: false }, { api: 'responses', reasoningSummary: 'auto' }).options, '')
  t.equal(
    of({ model: 'openai/gpt-oss-20b', isOpenAi: false }, { api: 'responses', reasoningSummary: 'auto' }).options,
    '"include":["reasoning.encrypted_content"],"reasoning":{"summary":"auto"},',
  )
  t.end()
})

test('thoughts between tags before the first word are no part of the answer, however they are divided', async (t) => {
  const read = (pieces: readonly string[]) => {
    const tags = createThinkTags()
    const splits = [...pieces.map((piece) => tags.split(piece)), tags.end()]
    return {
      text: splits.map((split) => split.text).join(''),
      reasoning: splits.map((split) => split.reasoning).join(''),
    }
  }
  const cases: readonly [string, { text: string; reasoning: string }][] = [
    ['\n<think>a < b</thin></think>\n\nDone <think>.', { text: 'Done <think>.', reasoning: 'a < b</thin>' }],
    ['<think>never ended </thi', { text: '', reasoning: 'never ended </thi' }],
    ['<thinker> is a word', { text: '<thinker> is a word', reasoning: '' }],
    [' <th', { text: ' <th', reasoning: '' }],
    ['', { text: '', reasoning: '' }],
  ]
  for (const [whole, expected] of cases) {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 })), (sizes) => {
        let rest = whole
        const pieces = sizes.map((size) => {
          const piece = rest.slice(0, size)
          rest = rest.slice(size)
          return piece
        })
        t.strictSame(read([...pieces, rest]), expected)
      }),
    )
  }
  const chunks = [{ content: '<thi' }, { content: 'nk>Hm</think>' }, { content: 'Hello' }, finishOf()]
  const { outcome, told } = await askOf(t, [sendEvents(chunks)])
  t.equal(answerOf(t, outcome).content, 'Hello')
  t.equal(texts(told, 'reasoning'), 'Hm')
})

test('models that want their thoughts back between their calls are given them, and no others', async (t) => {
  const chunks = [
    { reasoning_content: 'I ' },
    { reasoning_content: 'see' },
    { tool_calls: [{ index: 0, id: 'a', function: { name: 'Shell', arguments: '{}' } }] },
    { choices: [{ finish_reason: 'tool_calls' }] },
  ]
  for (const [model, parts] of [
    ['deepseek-reasoner', 1],
    ['qwen3', 0],
  ] as const) {
    const server = await startModelServer(t, { replies: [sendEvents(chunks)] })
    const answer = answerOf(
      t,
      (await ask(open(t, { baseUrl: server.url }), `{"model":"${model}","messages":[]}`)).outcome,
    )
    t.equal(answer.parts?.filter((part) => part.kind === 'reasoning').length ?? 0, parts, model)
    if (parts) t.match(answer.parts, [{ kind: 'request' }, { kind: 'reasoning', json: '"I see"' }])
  }
})
