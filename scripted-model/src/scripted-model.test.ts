import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import OpenAI from 'openai'
import type { ChatCompletionMessageParam } from 'openai/resources/chat/completions'
import { test } from 'tap'
import type { Test } from 'tap'
import { loadScenario, startScriptedModel } from '#scripted-model'
import type { Scenario, ScriptedModel } from '#scripted-model'

const scenarios = join(import.meta.dirname, '..', 'scenarios')

async function start(t: Test, scenario: Scenario | string, apiKey = 'any') {
  const model = await startScriptedModel({ scenario })
  t.teardown(() => model.stop())
  return { model, client: toClient(model, apiKey) }
}

function toClient(model: ScriptedModel, apiKey = 'any'): OpenAI {
  return new OpenAI({ baseURL: model.url, apiKey, maxRetries: 0 })
}

/** A history in which the model has answered each of `results` tool calls of the prompt. */
function history(prompt: string, ...results: string[]): ChatCompletionMessageParam[] {
  return [{ role: 'user', content: prompt }, ...results.flatMap(toolTurn)]
}

function toolTurn(result: string, index: number): ChatCompletionMessageParam[] {
  const id = `call_${String(index + 1)}_1`
  const call = { id, type: 'function' as const, function: { name: 'Shell', arguments: '{}' } }
  return [
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: id, content: result },
  ]
}

function ask(client: OpenAI, messages: ChatCompletionMessageParam[]) {
  return client.chat.completions.create({ model: 'scripted', messages })
}

function stream(client: OpenAI, messages: ChatCompletionMessageParam[]) {
  return client.chat.completions.stream({ model: 'scripted', messages, stream_options: { include_usage: true } })
}

test('a text is streamed word by word, with its usage at the end', async (t) => {
  const { client } = await start(t, join(scenarios, 'hello.yaml'))

  const deltas: string[] = []
  const answer = stream(client, history('hi')).on('content', (delta) => deltas.push(delta))
  const completion = await answer.finalChatCompletion()

  t.equal(deltas.join(''), 'Hello! I am the scripted model. Tell me what to do.')
  t.ok(deltas.length > 5)
  t.equal(completion.choices[0]?.finish_reason, 'stop')
  t.equal(completion.usage?.completion_tokens, 11)
})

test('the usage is only told when it was asked for', async (t) => {
  const { client } = await start(t, { steps: [{ text: 'ok', usage: { input: 7, output: 3 } }] })

  const chunks = await client.chat.completions.create({ model: 'scripted', messages: history('hi'), stream: true })
  for await (const chunk of chunks) t.notOk(chunk.usage)

  t.match((await ask(client, history('hi'))).usage, { prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 })
})

test('parallel tool calls come in pieces and are put together to the same calls', async (t) => {
  const calls = [
    { tool: 'ReadFile', arguments: { file_path: 'src/app.js' } },
    { tool: 'ReadFile', id: 'mine', arguments: { file_path: 'test/app.test.js', offset: 1 } },
    { tool: 'Shell', raw: '{"command": ' },
  ]
  const { client } = await start(t, { steps: [{ text: 'Let me look.', calls }] })

  const completion = await stream(client, history('look')).finalChatCompletion()
  const message = completion.choices[0]?.message

  t.equal(message?.content, 'Let me look.')
  t.equal(completion.choices[0]?.finish_reason, 'tool_calls')
  t.strictSame(
    message?.tool_calls?.map(
      (call) => call.type === 'function' && [call.id, call.function.name, call.function.arguments],
    ),
    [
      ['call_1_1', 'ReadFile', '{"file_path":"src/app.js"}'],
      ['mine', 'ReadFile', '{"file_path":"test/app.test.js","offset":1}'],
      ['call_1_3', 'Shell', '{"command": '],
    ],
  )
})

test('whatever the text and the size of its pieces, a client puts together what the scenario says', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.option(fc.integer({ min: 1, max: 9 })),
      async (text, chars) => {
        const pace = chars === null ? {} : { delta_chars: chars }
        const steps = [{ ...pace, text, calls: [{ tool: 'Shell', arguments: { command: text } }] }]
        const model = await startScriptedModel({ scenario: { steps } })
        try {
          const completion = await stream(toClient(model), history('no braces')).finalChatCompletion()
          const message = completion.choices[0]?.message
          const [call] = message?.tool_calls ?? []
          if (message?.content !== text || call?.type !== 'function') return false
          return call.function.arguments === JSON.stringify({ command: text })
        } finally {
          await model.stop()
        }
      },
    ),
    { numRuns: 40 },
  )
  t.pass('40 texts')
})

test('a repeated text is one delta for each time', async (t) => {
  const { client } = await start(t, { steps: [{ text: 'word ', repeat: 2000 }] })
  let deltas = 0
  await stream(client, history('go'))
    .on('content', () => (deltas += 1))
    .finalContent()
  t.equal(deltas, 2000)
})

test('reasoning is streamed before the text', async (t) => {
  const { client } = await start(t, { steps: [{ reasoning: 'Hm, hm.', text: 'Yes.' }] })
  const keys = new Set<string>()
  for await (const chunk of await client.chat.completions.create({
    model: 'scripted',
    messages: history('?'),
    stream: true,
  })) {
    for (const key of Object.keys(chunk.choices[0]?.delta ?? {})) keys.add(key)
  }
  t.strictSame([...keys], ['role', 'content', 'reasoning_content'])
})

test('fifty turns are played, and each is told apart by the history alone', async (t) => {
  const { client } = await start(t, join(scenarios, 'fifty-turns.yaml'))
  const results: string[] = []
  for (let turn = 1; turn <= 50; turn += 1) {
    const completion = await ask(client, history('go', ...results))
    const call = completion.choices[0]?.message.tool_calls?.[0]
    t.match(call, { function: { arguments: `turn ${String(turn)}"}` } })
    results.push(`turn${String(turn)}`)
  }
  const summedUp = [...history('go, in short'), ...history('go', ...results).slice(-4)]
  t.equal((await ask(client, summedUp)).choices[0]?.message.content, 'Fifty turns are done.', 'and by its end alone')
  t.equal((await ask(client, history('go', ...results))).choices[0]?.message.content, 'Fifty turns are done.')
  await t.rejects(ask(client, [...history('go', ...results), { role: 'assistant', content: 'done' }]), {
    status: 400,
    message: /"main" has 51 answers; answer 52 was asked for/,
  })
})

test('the newest prompt that a conversation is for chooses it, and its answers are counted from there', async (t) => {
  const { client } = await start(t, {
    conversations: [
      {
        name: 'count',
        when: '/count to (?<last>\\d+) in (\\w+)/i',
        steps: [{ text: '1' }, { text: 'to {{last}} in {{2}}' }],
      },
      { name: 'sum', when: '1+1', steps: [{ text: '2' }] },
      { name: 'rest', steps: [{ text: 'first' }, { text: 'second after {{n}}' }] },
    ],
  })
  const text = async (messages: ChatCompletionMessageParam[]) =>
    (await ask(client, messages)).choices[0]?.message.content
  const counting = [...history('Count to 5 in German'), { role: 'assistant' as const, content: '1' }]

  t.equal(await text(counting), 'to 5 in German')
  t.equal(await text([...counting, { role: 'user', content: 'go on' }]), 'to 5 in German')
  t.equal(await text([...counting, { role: 'user', content: 'what is 1+1?' }]), '2')
  t.equal(
    await text([{ role: 'user', content: 'x' }, { role: 'assistant', content: 'first' }, ...history('y')]),
    'second after 2',
  )
})

test('calls that the agent put into the history under ids of its own are no answers of the model', async (t) => {
  const { client } = await start(t, { steps: [{ expect: [{ contains: 'plan' }], text: 'first' }, { text: 'second' }] })
  const call = { id: 'bootstrap_1', type: 'function' as const, function: { name: 'ReadFile', arguments: '{}' } }
  const begun: ChatCompletionMessageParam[] = [
    ...history('go'),
    { role: 'assistant', content: null, tool_calls: [call] },
    { role: 'tool', tool_call_id: 'bootstrap_1', content: 'the plan' },
  ]
  t.equal((await ask(client, begun)).choices[0]?.message.content, 'first')
  const answered: ChatCompletionMessageParam[] = [...begun, { role: 'assistant', content: 'first' }]
  t.equal((await ask(client, answered)).choices[0]?.message.content, 'second')
})

test('a prompt that no conversation is for is refused by name', async (t) => {
  const { client } = await start(t, { conversations: [{ name: 'a', when: 'apple', steps: [{ text: 'a' }] }] })
  await t.rejects(ask(client, history('pear')), { status: 400, message: /for the prompt "pear"/ })
})

test('a tool result that is not as expected is answered with what came instead', async (t) => {
  const expect = [{ results: 1 }, { call: 1, contains: 'pass 5' }, { lacks: 'fail 1' }, { matches: '/^ok/m' }]
  const { client } = await start(t, {
    steps: [{ calls: [{ tool: 'Shell', arguments: {} }] }, { expect, text: 'fine' }],
  })

  t.equal((await ask(client, history('go', 'pass 5\nok'))).choices[0]?.message.content, 'fine')
  await t.rejects(ask(client, history('go', 'pass 4\nok')), {
    status: 400,
    message: /should contain "pass 5".*"pass 4\\nok"/,
  })
  await t.rejects(ask(client, history('go', 'pass 5, fail 1')), { message: /should not contain "fail 1"/ })
  await t.rejects(ask(client, history('go', 'pass 5')), { message: /should match/ })
  await t.rejects(ask(client, [...history('go'), { role: 'assistant', content: 'I only talk' }]), {
    message: /1 tool results, not 0\. There was no tool result/,
  })
})

test('results that came back in another order are still those of their calls', async (t) => {
  const expect = [
    { call: 1, contains: 'first' },
    { call: 2, contains: 'second' },
  ]
  const { client } = await start(t, { steps: [{ text: 'unused' }, { expect, text: 'fine' }] })
  const tool_calls = ['a', 'b'].map((id) => ({
    id,
    type: 'function' as const,
    function: { name: 'Shell', arguments: '{}' },
  }))
  const completion = await ask(client, [
    { role: 'user', content: 'go' },
    { role: 'assistant', content: null, tool_calls },
    { role: 'tool', tool_call_id: 'b', content: 'second' },
    { role: 'tool', tool_call_id: 'a', content: 'first' },
  ])
  t.equal(completion.choices[0]?.message.content, 'fine')
})

test('a history that OpenAI would refuse is refused', async (t) => {
  const { client } = await start(t, { steps: [{ text: 'ok', loop: 9 }] })
  const [prompt, call, result] = history('go', 'done')
  if (!prompt || !call || !result) throw new Error('the history has three messages')

  await t.rejects(ask(client, [prompt, call]), { status: 400, message: /missing: call_1_1/ })
  await t.rejects(ask(client, [prompt, call, prompt]), { status: 400, message: /messages\[2\].*missing: call_1_1/ })
  await t.rejects(ask(client, [prompt, result]), { status: 400, message: /no call "call_1_1"/ })
  await t.rejects(ask(client, [prompt, { role: 'assistant', content: null }]), {
    status: 400,
    message: /needs content/,
  })
  t.ok(await ask(client, [prompt, call, result]))
})

test('each attempt at a step meets the next fault, then the answer', async (t) => {
  const faults = [
    { status: 429, times: 2, retry_after: 2, message: 'Slow down.' },
    { status: 503 },
    { drop: true as const },
    { cut: 1 },
    { error: 1, message: 'overloaded' },
  ]
  const { model, client } = await start(t, { steps: [{ text: 'one two three', faults }] })
  const attempt = () => stream(client, history('go')).finalContent()

  const limited = await attempt().catch((error: unknown) => error)
  t.match(limited, { status: 429, message: /Slow down/, type: 'rate_limit_error' })
  t.equal(limited instanceof OpenAI.APIError && limited.headers?.get('retry-after'), '2')
  await t.rejects(attempt(), { status: 429, message: /Slow down/ })
  await t.rejects(attempt(), { status: 503, message: /answers with 503/ })
  await t.rejects(attempt(), { message: /Connection error/ })
  await t.rejects(attempt())
  await t.rejects(attempt(), /overloaded/)
  t.equal(await attempt(), 'one two three')
  t.equal(
    await stream(client, history('another run'))
      .finalContent()
      .catch(() => 'its own count'),
    'its own count',
  )
  t.equal(model.requests.length, 8)
})

test('a stream that is cut, ended or spoilt in the middle first sends the deltas before', async (t) => {
  for (const [fault, end] of [
    [{ cut: 2 }, undefined],
    [{ end: 2 }, 'data: {"id"'],
    [{ garbage: 2 }, 'data: {"choices":[{"index":0,"del'],
  ] as const) {
    const { model } = await start(t, { steps: [{ text: 'one two three', faults: [fault] }] })
    const body = JSON.stringify({ model: 'scripted', messages: history('go'), stream: true })
    const response = await fetch(`${model.url}/chat/completions`, { method: 'POST', body })
    const { text, failed } = await readAll(response)
    t.match(text, /"one ".*"two "/s)
    t.notMatch(text, /three|DONE|"stop"/)
    t.equal(failed, end === undefined)
    if (end) t.ok(text.trimEnd().split('\n\n').at(-1)?.startsWith(end))
  }
})

async function readAll(response: Response): Promise<{ text: string; failed: boolean }> {
  let text = ''
  try {
    const decoder = new TextDecoder()
    for await (const chunk of response.body ?? []) text += decoder.decode(chunk, { stream: true })
    return { text, failed: false }
  } catch {
    return { text, failed: true }
  }
}

test('a stalled stream stays open until the client leaves, and the next attempt is answered', async (t) => {
  const { client } = await start(t, { steps: [{ text: 'one two three', faults: [{ stall: 1 }] }] })
  const stalled = stream(client, history('go'))
  await new Promise((resolve) => stalled.once('content', resolve))
  t.equal(stalled.ended, false)
  stalled.abort()
  await t.rejects(stalled.done(), { message: /aborted/ })
  t.equal(await stream(client, history('go')).finalContent(), 'one two three')
})

test('latency comes before the first byte, and delay between the deltas', async (t) => {
  const { client } = await start(t, { latency_ms: 60, delay_ms: 10, steps: [{ text: 'x', repeat: 10 }] })
  const started = performance.now()
  const times: number[] = []
  await stream(client, history('go'))
    .on('content', () => times.push(performance.now() - started))
    .finalContent()
  t.ok((times[0] ?? 0) >= 60, `first delta after ${String(times[0])} ms`)
  // Measured from the start: a busy reader may see the first ones together, never the last one early.
  t.ok((times.at(-1) ?? 0) >= 140, 'ten deltas take nine delays more')
})

test('a wrong key, an unknown model and an unknown path are answered as OpenAI does', async (t) => {
  const scenario = { api_key: 'right', models: ['a', 'b'], steps: [{ text: 'ok' }] }
  const { model, client } = await start(t, scenario, 'right')
  const messages = history('go')

  t.strictSame(
    (await client.models.list()).data.map(({ id }) => id),
    ['a', 'b'],
  )
  t.ok(await client.chat.completions.create({ model: 'b', messages }))
  await t.rejects(client.chat.completions.create({ model: 'c', messages }), {
    status: 404,
    code: 'model_not_found',
    message: /has a, b/,
  })
  await t.rejects(toClient(model, 'wrong').chat.completions.create({ model: 'a', messages }), {
    status: 401,
    code: 'invalid_api_key',
  })
  await t.rejects(toClient(model, 'wrong').models.list(), { status: 401, message: /Incorrect API key/ })
  await t.rejects(client.embeddings.create({ model: 'a', input: 'x' }), { status: 404, message: /Unknown request/ })
})

test('a body that is no chat request is answered with 400 and the place of the mistake', async (t) => {
  const { model } = await start(t, { steps: [{ text: 'ok' }] })
  const post = async (body: string) => {
    const response = await fetch(`${model.url}/chat/completions`, { method: 'POST', body })
    return `${String(response.status)} ${await response.text()}`
  }
  t.match(await post('{'), /^400 .*invalid_request_error/)
  t.match(await post('{"model":"scripted","messages":[{"role":"robot","content":"x"}]}'), /^400 .*\/messages\/0\/role/)
  t.match(await post('{"model":"scripted","messages":[]}'), /^400 .*\/messages/)
})

test('requests are remembered with their bodies, and can be waited for', async (t) => {
  const { model, client } = await start(t, { steps: [{ text: 'ok' }] }, 'secret')
  const second = model.request(2)
  const leaving = new AbortController()
  const third = model.request(3, leaving.signal)
  await ask(client, history('first'))
  await ask(client, history('second'))

  t.match(await second, { number: 2, authorization: 'Bearer secret', body: { messages: [{ content: 'second' }] } })
  t.equal((await model.request(1)).bytes, JSON.stringify(model.requests[0]?.body).length)
  t.ok(Math.abs((await second).arrivedAt - Date.now()) < 60_000)
  leaving.abort()
  await t.rejects(third, { name: 'AbortError' })
  const never = model.request(99)
  await Promise.all([t.rejects(never, /stopped after 2 requests; request 99 never came/), model.stop()])
})

test('stop ends a paced stream and leaves no connection', async (t) => {
  const { model, client } = await start(t, { delay_ms: 50, steps: [{ text: 'x', repeat: 100_000 }] })
  const answer = stream(client, history('go'))
  await new Promise((resolve) => answer.once('content', resolve))
  await Promise.all([t.rejects(answer.done()), model.stop()])

  const socket = connect(Number(new URL(model.url).port), '127.0.0.1')
  const [error] = await once(socket, 'error')
  t.match(error, { code: 'ECONNREFUSED' })
})

test('a wrong scenario is one sentence with the file, the place and the problem', async (t) => {
  const path = join(t.testdir(), 'wrong.yaml')
  for (const [yaml, problem] of [
    ['steps: []', 'steps: must not have fewer than 1 items.'],
    ['steps:\n  - txet: hi', 'steps[1]: unknown key txet.'],
    ['steps:\n  - text: hi\n    delay_ms: fast', 'steps[1].delay_ms: must be number.'],
    ['models: [a]', 'the file: give exactly one of steps and conversations.'],
    ['just text', 'the file: must be object.'],
    ['steps:\n  - calls: [{ tool: Shell }]', 'steps[1].calls[1]: give exactly one of arguments and raw.'],
    ['steps:\n  - {}', 'steps[1]: give a text, reasoning, calls or faults.'],
    ['steps:\n  - text: x\n    faults: [{ cut: 1, stall: 1 }]', /faults\[1\]: give exactly one of status, .*\.$/],
    ['steps:\n  - text: x\n    expect: [{ matches: "/(/" }]', /expect\[1\]\.matches: Invalid regular expression/],
    [
      'conversations:\n  - name: a\n    steps: [text: x]\n  - name: b\n    steps: [text: x]',
      /more than one has no when/,
    ],
    ['conversations: [{ name: a, steps: [text: x] }, { name: a, when: b, steps: [text: x] }]', /two are named "a"/],
    ['steps: [', /line 1, column 9\.$/],
    ['steps: 1\nsteps: 2', /Map keys must be unique at line 2/],
  ] as const) {
    await writeFile(path, yaml)
    const failure = await loadScenario(path).catch((error: unknown) => error)
    t.match(failure, { name: 'ScenarioError', message: problem })
    t.ok(failure instanceof Error && failure.message.startsWith(`${path}: `) && !failure.message.includes('\n'), yaml)
  }
  await t.rejects(loadScenario(`${path}.absent`), {
    message: `${path}.absent: cannot read the scenario (no such file).`,
  })
  await t.rejects(startScriptedModel({ scenario: { steps: [{}] } }), /the scenario: steps\[1\]/)
})

test('as a program it prints its URL, logs each request and its answer, and ends at SIGTERM', async (t) => {
  const log = join(t.testdir(), 'requests.jsonl')
  const arguments_ = ['--conditions=codegen-source', join(import.meta.dirname, 'main.ts')]
  const program = spawn(process.execPath, [...arguments_, join(scenarios, 'hello.yaml'), '--log', log])
  t.teardown(() => program.kill('SIGKILL'))
  const [url] = await once(createInterface(program.stdout), 'line')
  const client = new OpenAI({ baseURL: String(url), apiKey: 'any' })
  await ask(client, history('hi'))
  await t.rejects(ask(client, [...history('hi'), { role: 'assistant', content: 'hello' }]), {
    status: 400,
    message: /1 answers/,
  })

  program.kill('SIGTERM')
  t.strictSame(await once(program, 'exit'), [0, null])
  const lines = (await readFile(log, 'utf8')).trimEnd().split('\n')
  t.match(
    lines.map((line): unknown => JSON.parse(line)),
    [
      { event: 'request', number: 1, body: { messages: history('hi') } },
      { event: 'answer', number: 1, conversation: 'main', answer: 1, attempt: 1, ending: 'sent' },
      { event: 'request', number: 2 },
      { event: 'answer', number: 2, ending: '400' },
    ],
  )
})

test('as a program it says in one line what is wrong', async (t) => {
  const path = join(t.testdir({ 'bad.yaml': 'steps: 1' }), 'bad.yaml')
  for (const [parameters, code, line] of [
    [[path], 1, `${path}: steps: must be array.\n`],
    [[], 2, /^usage: .*\n$/],
    [[path, '--port', 'x'], 2, /^usage: .*\n$/],
  ] as const) {
    const program = spawn(process.execPath, [
      '--conditions=codegen-source',
      join(import.meta.dirname, 'main.ts'),
      ...parameters,
    ])
    let stderr = ''
    program.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
    t.strictSame(await once(program, 'close'), [code, null])
    t.match(stderr, line)
  }
})
