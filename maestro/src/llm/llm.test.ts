import fc from 'fast-check'
import { test } from 'tap'
import { limits } from '#limits'
import { createEventParser } from './event-parser.ts'
import type { ModelConfig } from './model-server.ts'
import { nextAttempt, retryAfterMs } from './retry.ts'
import { answerOf, ask, askOf, body, failureOf, hello, never, open, testEach, texts } from './test-model-client.ts'
import { finish, sendEvents, sendJson, startModelServer, toEvent } from './test-model-server.ts'
import type { Reply, TestModelServer } from './test-model-server.ts'

testEach('an answer comes as text while it is made, and whole at its end', async (t, dialect) => {
  const usage = {
    prompt_tokens: 11,
    completion_tokens: 2,
    prompt_tokens_details: { cached_tokens: 8 },
    completion_tokens_details: { reasoning_tokens: 1 },
  }
  const { outcome, told, server } = await askOf(
    t,
    [
      sendEvents([
        { reasoning_content: 'Hm' },
        { reasoning: '...' },
        { content: 'Hel' },
        { content: 'lo' },
        finish('stop'),
        { choices: [], usage },
      ]),
    ],
    { dialect },
  )
  const answer = answerOf(t, outcome)
  t.strictSame(told, [
    { kind: 'reasoning', words: 'Hm' },
    { kind: 'reasoning', words: '...' },
    { kind: 'text', words: 'Hel' },
    { kind: 'text', words: 'lo' },
  ])
  t.strictSame(answer, {
    kind: 'answer',
    content: 'Hello',
    requests: [],
    finishReason: 'stop',
    usage: { inputTokens: 11, outputTokens: 2, cachedTokens: 8, reasoningTokens: 1 },
  })
  t.equal(server.asked[0]?.path, dialect === 'chat' ? '/v1/chat/completions' : '/v1/responses')
  t.equal(server.asked[0]?.headers.authorization, 'Bearer sk-secret-key')
})

const wholeCompletion = {
  choices: [{ message: { role: 'assistant', content: 'Hello' }, finish_reason: 'stop' }],
}
const wholeResponse = {
  object: 'response',
  status: 'completed',
  error: null,
  output: [{ type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hello' }] }],
}

test('the request arrives byte for byte', async (t) => {
  const server = await startModelServer(t, { replies: [hello] })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  // Spaces, an order and escapes that no serializer would make again.
  const odd =
    '{ "stream":true,\n "model" : "m", "messages":[{"content":"\\u00e9 é 🙂 \\ud83d", "role":"user"}], "b":1.0,"a":1e2 }'
  answerOf(t, (await ask(client, odd)).outcome)
  t.equal(server.asked[0]?.body, odd)
  t.equal(server.asked[0]?.headers['content-type'], 'application/json')
  t.equal(server.asked[0]?.headers['content-length'], String(Buffer.byteLength(odd)))

  const anyText = fc
    .string({ unit: 'grapheme', maxLength: 200 })
    .map((content) => JSON.stringify({ model: 'm', content }))
  await fc.assert(
    fc.asyncProperty(anyText, async (text) => {
      await ask(client, text)
      return server.asked.at(-1)?.body === text
    }),
    { numRuns: 30 },
  )
})

test('many requests go over one connection, opened ahead of the first', async (t) => {
  const server = await startModelServer(t, { replies: [hello] })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  await client.warm()
  await client.warm()
  for (let turn = 0; turn < 5; turn++) answerOf(t, (await ask(client)).outcome)
  await client.warm()
  t.equal(server.socketsOpened(), 1)
})

test('a kept connection that the server has closed is replaced without a retry', async (t) => {
  const dying: Reply = (response, asked) => (server.asked.length === 2 ? response.destroy() : hello(response, asked))
  const server: TestModelServer = await startModelServer(t, { replies: [dying] })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' }, { attemptsMax: 1 })
  await ask(client)
  t.equal(answerOf(t, (await ask(client)).outcome).content, 'Hello')
  t.equal(server.socketsOpened(), 2)
})

test('two requests at once do not disturb each other', async (t) => {
  const echo: Reply = (response, asked) => sendEvents([{ content: asked.body }, finish('stop')])(response, asked)
  const server = await startModelServer(t, { replies: [echo] })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  const outcomes = await Promise.all(['{"a":1}', '{"b":2}'].map((text) => ask(client, text)))
  t.strictSame(
    outcomes.map(({ outcome }) => answerOf(t, outcome).content),
    ['{"a":1}', '{"b":2}'],
  )
})

test('why an answer ended is one of five words', async (t) => {
  const words = ['stop', 'length', 'content_filter', 'tool_calls', 'function_call', 'eos', 'constructor']
  const server = await startModelServer(t, {
    replies: words.map((word) => sendEvents([{ content: 'x' }, finish(word)])),
  })
  const client = open(t, { baseUrl: server.url, apiKey: 'k' })
  const seen: string[] = []
  for (const _ of words) seen.push(answerOf(t, (await ask(client)).outcome).finishReason)
  t.strictSame(seen, ['stop', 'length', 'content_filter', 'tool_calls', 'tool_calls', 'other', 'other'])
})

testEach('what a model says can always be saved', async (t, dialect) => {
  const { outcome } = await askOf(
    t,
    [
      sendEvents([
        { content: 'a\u0000b\ud83d' },
        { tool_calls: [{ index: 0, id: 'a', function: { name: 'S\u0000', arguments: '\u0000' } }] },
        finish('stop'),
      ]),
    ],
    { dialect },
  )
  const answer = answerOf(t, outcome)
  t.equal(answer.content, 'a\u{fffd}b\u{fffd}')
  t.strictSame(answer.requests, [{ id: 'a', name: 'S\u{fffd}', arguments: '\u{fffd}' }])
  t.equal(answer.finishReason, 'tool_calls', 'an answer that asks for tools says so')
})

testEach('an answer of 10 MB is cut and says so', async (t, dialect) => {
  const piece = 'x'.repeat(100_000)
  const { outcome, told } = await askOf(
    t,
    [sendEvents([...Array.from({ length: 100 }, () => ({ content: piece })), finish('stop')])],
    { dialect, bounds: { firstByteMsMax: 10_000, silenceMsMax: 10_000 } },
  )
  const answer = answerOf(t, outcome)
  t.equal(answer.content.length, limits.model.answerCharactersMax)
  t.equal(texts(told).length, limits.model.answerCharactersMax)
  t.equal(answer.finishReason, 'length')
})

test('an event that never ends is given up, without being kept', async (t) => {
  const endless: Reply = (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const piece = Buffer.alloc(65_536, 'x')
    const more = (): void => {
      while (!response.destroyed && response.write(piece));
      if (!response.destroyed) response.once('drain', more)
    }
    more()
  }
  const { outcome, server } = await askOf(t, [endless], {
    bounds: { eventBytesMax: 1_000_000, attemptsHopelessMax: 2 },
  })
  t.equal(failureOf(t, outcome).code, 'model.bad_answer')
  // A kept connection that turns out dead is replaced, and that is no attempt.
  t.ok(server.asked.length >= 2 && server.asked.length <= 3, `${server.asked.length} requests`)
})

testEach('a whole answer counts, however its stream ends', async (t, dialect) => {
  const said = [{ content: 'Hello' }, finish('stop')]
  for (const [title, reply] of Object.entries({
    'the connection is cut after the last word': sendEvents(said, 'cut'),
    'no [DONE]': sendEvents(said, 'close'),
    'the stream is never closed': sendEvents(said, 'hang'),
    ...(dialect === 'chat' ? { '[DONE] without a reason': sendEvents([{ content: 'Hello' }]) } : {}),
    'not streamed at all': sendJson(200, dialect === 'chat' ? wholeCompletion : wholeResponse),
  })) {
    const { outcome, server } = await askOf(t, [reply], { dialect })
    const answer = answerOf(t, outcome)
    t.equal(answer.content, 'Hello', title)
    t.equal(answer.finishReason, 'stop', title)
    t.equal(server.asked.length, 1, title)
  }
})

test('a stream that stays open after [DONE] keeps nobody waiting', async (t) => {
  const { outcome } = await askOf(
    t,
    [
      (response) =>
        void response
          .writeHead(200, { 'content-type': 'text/event-stream' })
          .write(`${toEvent({ content: 'x' })}data: [DONE]\n\n`),
    ],
    { bounds: { finishMsMax: 60_000, silenceMsMax: 60_000 } },
  )
  t.equal(answerOf(t, outcome).content, 'x')
})

test('a stream of events is read the same however it is written and divided', async (t) => {
  const events = ['{"a":"é🙂"}', '{"b":\n2}', '', 'x: y']
  const written = (end: string): string =>
    `: hello${end}event: message${end}${events.map((data) => `id: 1${end}data:${data.includes('\n') ? '' : ' '}${data.replace('\n', `${end}data: `)}${end}${end}`).join('')}data: [DONE]`
  const read = (pieces: string[]): { seen: string[]; state: string } => {
    const seen: string[] = []
    const parser = createEventParser((data) => (seen.push(data) > 0 ? 'more' : 'enough'), 1_000)
    const states = pieces.map((piece) => parser.feed(piece))
    return { seen, state: states.find((state) => state !== 'more') ?? parser.end() }
  }
  fc.assert(
    fc.property(fc.constantFrom('\n', '\r\n', '\r'), fc.array(fc.integer({ min: 1, max: 9 })), (end, sizes) => {
      let rest = written(end)
      const pieces = sizes.map((size) => {
        const piece = rest.slice(0, size)
        rest = rest.slice(size)
        return piece
      })
      t.strictSame(read([...pieces, rest]), { seen: events, state: 'done' })
    }),
    { numRuns: 60 },
  )
  const halves = Buffer.from(toEvent({ content: '🙂' }))
  const { outcome } = await askOf(t, [
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(halves.subarray(0, halves.length - 30))
      setImmediate(() => response.end(Buffer.concat([halves.subarray(-30), Buffer.from('data: [DONE]\n\n')])))
    },
  ])
  t.equal(answerOf(t, outcome).content, '🙂')
})

testEach('an answer that breaks off is asked for again, and what was shown of it is void', async (t, dialect) => {
  const part = [{ content: 'Hel' }]
  for (const [title, reply] of Object.entries({
    cut: sendEvents(part, 'cut'),
    'ended without a reason': sendEvents(part, 'close'),
    stalled: sendEvents(part, 'hang'),
    'no JSON': sendEvents(part, 'garbage'),
    'a fault told inside the stream': sendEvents([...part, { error: { message: 'overloaded', type: 'server_error' } }]),
    'a fault told as an object': sendEvents([...part, { object: 'error', message: 'no slot', code: 503 }]),
  })) {
    const { outcome, told, server } = await askOf(t, [reply, hello], { dialect })
    t.equal(answerOf(t, outcome).content, 'Hello', title)
    t.strictSame(
      told.map((one) => one.kind),
      ['text', 'restart', 'text', 'text'],
      title,
    )
    t.match(told[1]?.words, server.url, title)
    t.equal(server.asked.length, 2, title)
    t.equal(server.asked[0]?.body, server.asked[1]?.body, title)
  }
})

testEach('a busy or broken server is asked again, and nothing is said when nothing was shown', async (t, dialect) => {
  const slow: Reply = () => {}
  for (const status of [408, 409, 429, 500, 502, 503, 529]) {
    const { outcome, told } = await askOf(t, [sendJson(status, { error: { message: 'later' } }), hello], { dialect })
    t.equal(answerOf(t, outcome).content, 'Hello', String(status))
    t.equal(texts(told, 'restart'), '')
  }
  t.equal(answerOf(t, (await askOf(t, [slow, hello], { dialect })).outcome).content, 'Hello', 'silent')
  t.equal(
    answerOf(t, (await askOf(t, [(response) => response.destroy(), hello], { dialect })).outcome).content,
    'Hello',
    'hung up',
  )
})

testEach('attempts are counted, and the last fault is told with its server', async (t, dialect) => {
  const { outcome, server } = await askOf(t, [sendJson(429, { error: { message: 'Rate limit\u001b[31m reached' } })], {
    dialect,
    bounds: { attemptsMax: 4 },
  })
  const failure = failureOf(t, outcome)
  t.equal(server.asked.length, 4)
  t.equal(failure.code, 'model.unreachable')
  t.match(
    failure.message,
    new RegExp(
      `^The model server at ${server.url} turned the request away \\(429: Rate limit \\[31m reached\\), given up after 4 attempts`,
    ),
  )
})

test('Retry-After is honoured in seconds, milliseconds and as a date, and given up when it is too long', async (t) => {
  const busy = (headers: Record<string, string>): Reply => sendJson(429, {}, headers)
  const now = Date.now()
  const dates = { date: new Date(now).toUTCString(), 'retry-after': new Date(now + 1_000).toUTCString() }
  t.equal(retryAfterMs(new Headers(dates)), 1_000)
  t.equal(retryAfterMs(new Headers({ 'retry-after': '0.25' })), 250)
  t.equal(retryAfterMs(new Headers({ 'retry-after-ms': '12', 'retry-after': '7' })), 12)
  t.equal(retryAfterMs(new Headers({ 'retry-after': 'soon' })), undefined)

  const started = performance.now()
  const { outcome } = await askOf(t, [busy({ 'retry-after': '0.2' }), hello])
  t.equal(answerOf(t, outcome).content, 'Hello')
  t.ok(performance.now() - started >= 200)

  const late = await askOf(t, [busy({ 'retry-after': '3600' })])
  t.equal(late.server.asked.length, 1)
  t.match(failureOf(t, late.outcome).message, /wants 3600 s of waiting/)
})

test('back-off grows, is bounded and spread', (t) => {
  const trouble = { kind: 'transient', reason: 'r', next: 'n', code: 'model.unreachable', attemptsMax: 20 } as const
  const waitAt = (made: number, random: number): number => {
    const next = nextAttempt(trouble, { made, waitedMs: 0, isProven: true }, { bounds: limits.model, random })
    return next.kind === 'wait' ? next.ms : Number.NaN
  }
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 19 }), fc.double({ min: 0, max: 0.99, noNaN: true }), (made, random) => {
      const whole = Math.min(limits.model.retryMsMax, limits.model.retryMsMin * 2 ** (made - 1))
      return waitAt(made, random) >= whole / 2 && waitAt(made, random) <= whole
    }),
  )
  t.ok(waitAt(3, 0.5) > waitAt(1, 0.5))

  const absent = { ...trouble, isAddressInDoubt: true }
  const attempts = { made: limits.model.attemptsUnprovenMax, waitedMs: 0 }
  const kindOf = (isProven: boolean) =>
    nextAttempt(absent, { ...attempts, isProven }, { bounds: limits.model, random: 0 }).kind
  t.equal(kindOf(false), 'give-up', 'a server that never answered is given up soon')
  t.equal(kindOf(true), 'wait', 'one that did is waited for')
  t.end()
})

testEach('what no repeat can heal is told at once, in one sentence that says what to do', async (t, dialect) => {
  const refusal = (status: number, message: string, code = 'x'): Reply => sendJson(status, { error: { message, code } })
  const cases: Record<string, { reply: Reply; code: string; says: RegExp }> = {
    'a wrong key': {
      reply: refusal(401, 'Incorrect API key provided: sk-secret-key'),
      code: 'model.unauthenticated',
      says: /OPENAI_API_KEY/,
    },
    'a bad request': {
      reply: refusal(400, "Invalid value: 'tools'"),
      code: 'model.refused',
      says: /\(400\): Invalid value: 'tools'$/,
    },
    'a long complaint': { reply: refusal(422, 'y'.repeat(9_000)), code: 'model.refused', says: /: y{500}…$/ },
    'words elsewhere': {
      reply: sendJson(400, { detail: [{ msg: 'field required' }] }),
      code: 'model.refused',
      says: /field required/,
    },
    'words as text': {
      reply: sendJson(403, 'country not supported'),
      code: 'model.refused',
      says: /\(403\): country not supported/,
    },
    'a key in the words': {
      reply: refusal(403, 'key sk-secret-key may not'),
      code: 'model.refused',
      says: /key \[key\] may not/,
    },
    'too long a context': {
      reply: refusal(400, 'This model has a maximum context length of 8192', 'context_length_exceeded'),
      code: 'model.context_full',
      says: /no longer fits into the model's context/,
    },
    'too long a context, told in the stream': {
      reply: sendEvents([{ error: { message: 'context length exceeded', code: 400 } }]),
      code: 'model.context_full',
      says: /no longer fits/,
    },
    'an empty account': {
      reply: refusal(429, 'You exceeded your current quota', 'insufficient_quota'),
      code: 'model.refused',
      says: /nothing left to spend/,
    },
    'another address': {
      reply: (response) => void response.writeHead(308, { location: 'https://new.example/v1' }).end(),
      code: 'model.refused',
      says: /https:\/\/new\.example\/v1.*OPENAI_BASE_URL/,
    },
    'a repeat that the server forbids': {
      reply: sendJson(500, {}, { 'x-should-retry': 'false' }),
      code: 'model.refused',
      says: /\(500\)/,
    },
  }
  for (const [title, { reply, code, says }] of Object.entries(cases)) {
    // On a busy machine an answer may take its time.
    const bounds = { firstByteMsMax: 10_000, silenceMsMax: 10_000 }
    const { outcome, server } = await askOf(t, [reply], { dialect, bounds })
    const failure = failureOf(t, outcome)
    t.equal(failure.code, code, title)
    t.match(failure.message, says, title)
    t.notMatch(failure.message, /sk-secret-key|\p{Cc}/u, title)
    t.equal(server.asked.length, 1, title)
  }
})

testEach('a web page in place of an answer points at the address', async (t, dialect) => {
  const page: Reply = (response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hi</html>')
  const { outcome, server } = await askOf(t, [page], { dialect })
  t.equal(failureOf(t, outcome).code, 'model.bad_answer')
  t.match(failureOf(t, outcome).message, new RegExp(`${server.url} answered with a web page.*OPENAI_BASE_URL`))
})

testEach('an unknown model is told with those the server has', async (t, dialect) => {
  const missing = sendJson(404, { error: { message: 'The model `m-1` does not exist', code: 'model_not_found' } })
  const known = await askOf(t, [missing], { dialect, models: ['a-1', 'b-2'] })
  t.equal(failureOf(t, known.outcome).code, 'model.unknown')
  t.match(failureOf(t, known.outcome).message, /has no model m-1; it offers a-1, b-2: set CODEGEN_MODEL/)

  const other = await askOf(t, [sendJson(400, { error: { message: 'm-1 is not a valid model ID' } })], {
    dialect,
    models: ['a-1'],
  })
  t.match(failureOf(t, other.outcome).message, /it offers a-1/)

  const nothing = await askOf(t, [sendJson(404, 'not found')], { dialect })
  const says =
    dialect === 'chat'
      ? /found no chat completions for the model m-1: check OPENAI_BASE_URL/
      : /found no Responses API for the model m-1: set CODEGEN_MODEL_API=chat, or check OPENAI_BASE_URL/
  t.match(failureOf(t, nothing.outcome).message, says)
})

test('a server that is not there is told with its address, soon', async (t) => {
  const client = open(t, { baseUrl: 'http://127.0.0.1:9/v1' })
  const failure = failureOf(t, (await ask(client)).outcome)
  t.equal(failure.code, 'model.unreachable')
  t.match(
    failure.message,
    /^No model server listens at http:\/\/127\.0\.0\.1:9\/v1 \(ECONNREFUSED\), given up after 3 attempts: start it/,
  )
  await t.rejects(client.defaultModel(never), { code: 'model.unreachable' })

  const nowhere = failureOf(t, (await ask(open(t, { baseUrl: 'http://no-such-host.invalid/v1' }))).outcome)
  t.equal(nowhere.code, 'model.unreachable')
  t.match(nowhere.message, /no-such-host\.invalid\/v1/)
})

testEach('a cancelled request ends at once and closes its connection', async (t, dialect) => {
  const abort = new AbortController()
  let closed: Promise<unknown> | undefined
  const server = await startModelServer(t, {
    replies: [
      (response, asked) => {
        closed = new Promise((resolve) => response.once('close', resolve))
        sendEvents([{ content: 'a' }], 'hang')(response, asked)
      },
    ],
  })
  const client = open(t, { baseUrl: server.url }, { silenceMsMax: 60_000 })
  const asking = client.ask(
    { dialect, body, onText: () => abort.abort(), onReasoning() {}, onRestart() {} },
    abort.signal,
  )
  t.equal(failureOf(t, await asking).code, 'client.cancelled')
  await closed
  t.equal(failureOf(t, (await ask(client, body, { dialect, signal: abort.signal })).outcome).code, 'client.cancelled')
  t.equal(server.asked.length, 1, 'and what is cancelled already is not sent')
})

test('a cancelled wait ends at once', async (t) => {
  const abort = new AbortController()
  const server = await startModelServer(t, { replies: [sendJson(429, {}, { 'retry-after': '100' })] })
  const client = open(t, { baseUrl: server.url })
  const asking = ask(client, body, { signal: abort.signal })
  while (server.asked.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
  setTimeout(() => abort.abort(), 50)
  t.equal(failureOf(t, (await asking).outcome).code, 'client.cancelled')
})

test('closing ends what is under way', async (t) => {
  const server = await startModelServer(t, { replies: [sendEvents([{ content: 'a' }], 'hang')] })
  const client = open(t, { baseUrl: server.url }, { silenceMsMax: 60_000 })
  const asking = client.ask(
    { dialect: 'chat', body, onText: () => void client.close(), onReasoning() {}, onRestart() {} },
    never,
  )
  t.equal(failureOf(t, await asking).code, 'client.cancelled')
})

test('without a key none is sent', async (t) => {
  const server = await startModelServer(t, { replies: [hello], models: ['only-one'] })
  const client = open(t, { baseUrl: server.url })
  answerOf(t, (await ask(client)).outcome)
  await client.defaultModel(never)
  t.ok(server.asked.every(({ headers }) => headers.authorization === undefined))
})

test('the default model is the named one, the only one of the server, or a sentence', async (t) => {
  const of = async (config: ModelConfig, models?: unknown) => {
    const server = await startModelServer(t, { models })
    return await open(t, { baseUrl: server.url, ...config }).defaultModel(never)
  }
  t.equal(await of({ model: ' named ' }), 'named')
  t.equal(await of({}, ['llama3']), 'llama3')
  t.equal(await open(t, { apiKey: 'sk-x' }).defaultModel(never), 'gpt-5.5')
  const many = Array.from({ length: 20 }, (_, index) => `m${index}`)
  await t.rejects(of({}, many), {
    code: 'model.unconfigured',
    message: /set CODEGEN_MODEL to one of m0, m1, .*m11 and 8 more/,
  })
  await t.rejects(of({}, []), { code: 'model.unconfigured', message: /offers no model/ })
  await t.rejects(of({}), { code: 'model.unconfigured', message: /does not list its models: set CODEGEN_MODEL/ })
})

test('nothing configured is one sentence with both ways and the demo', async (t) => {
  const sentence =
    /^No model is configured: set OPENAI_API_KEY, .*OPENAI_BASE_URL=http:\/\/127\.0\.0\.1:11434\/v1; `npm run demo`/
  const client = open(t, { model: 'm' })
  await t.rejects(client.defaultModel(never), { code: 'model.unconfigured', message: sentence })
  t.match(failureOf(t, (await ask(client)).outcome).message, sentence)
  t.match(failureOf(t, (await ask(open(t, { baseUrl: 'localhost:11434' }))).outcome), {
    code: 'config.invalid',
    message: /OPENAI_BASE_URL/,
  })
  const broken = failureOf(t, (await ask(open(t, { apiKey: 'sk-ä\n b' }))).outcome)
  t.match(broken, { code: 'model.unauthenticated', message: /OPENAI_API_KEY holds a character/ })
})
