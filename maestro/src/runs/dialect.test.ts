import fc from 'fast-check'
import { test } from 'tap'
import { chatDialect } from './chat-dialect.ts'
import { toConversation } from './conversation.ts'
import type { AnswerPart, Dialect } from './dialect.ts'
import type { LogEntry, SavedEntry } from './log-entry.ts'
import { createTranscript } from './request-text.ts'
import { responsesDialect } from './responses-dialect.ts'
import { foldRun } from './run.ts'
import type { ToolRequest } from './tool-request.ts'

const toolsJson = JSON.stringify([
  { type: 'function', function: { name: 'Shell', description: 'runs', parameters: { type: 'object' } } },
])
const request = (id: string): ToolRequest => ({ id, name: 'Shell', arguments: `{"command":"${id}"}` })

type Turn = { content: string; ids: string[]; unmet?: boolean }

/** A run's log as `dialect` would have saved it, on top of what earlier runs showed. */
function runOf(dialect: Dialect, prompt: string, of: { turns: Turn[]; earlier?: string }): SavedEntry[] {
  const generation_id = 'g'
  const payload = { generation_id, session_id: 's', prompt, cwd: '/p', mode: 'auto', model: 'm' } as const
  const own = dialect.user(prompt)
  const boot = { id: 'bootstrap_1', name: 'GetWorkingDirectory', arguments: '{}' }
  const entries: LogEntry[] = [
    {
      fact: { type: 'run_started', payload },
      shown: of.earlier ? `${of.earlier},${own}` : own,
      internal: dialect.name === 'chat' ? null : { dialect: dialect.name },
    },
    {
      fact: {
        type: 'tool_call',
        payload: { generation_id, tool_id: 'b', tool_name: boot.name, parameters: {}, bootstrap: true },
      },
      shown: dialect.answer({ content: '', requests: [boot] }),
      internal: { request_id: boot.id },
    },
    resultEntry(dialect, { type: 'bootstrap_result', id: boot.id }),
    ...of.turns.flatMap(({ content, ids, unmet }, turn): LogEntry[] => {
      const requests = ids.map(request)
      const said = { generation_id, turn, content, finish_reason: 'stop', requests }
      const answer = { fact: { type: 'agent_message', payload: said } as const, shown: dialect.answer(said) }
      const results = unmet ? [] : ids.map((id) => resultEntry(dialect, { type: 'tool_call_finished', id }))
      return [{ ...answer, internal: null }, ...results]
    }),
  ]
  return entries.map((entry, index) => ({ ...entry, position: index + 1 }))
}

function resultEntry(dialect: Dialect, of: { type: 'bootstrap_result' | 'tool_call_finished'; id: string }): LogEntry {
  const result = `result of ${of.id}`
  const payload = { generation_id: 'g', tool_id: `t-${of.id}`, tool_name: 'Shell', status: 'success', result } as const
  return {
    fact: { type: of.type, payload },
    shown: dialect.result(of.id, result),
    internal: { request_id: of.id },
  }
}

const turns = fc.array(
  fc.record({
    content: fc.string({ unit: 'binary' }),
    ids: fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 3 }),
  }),
  { maxLength: 4 },
)

test('a run that was told in one dialect is told in the other as if it had been held in it', (t) => {
  fc.assert(
    fc.property(fc.string(), turns, (prompt, told) => {
      for (const [from, to] of [
        [chatDialect, responsesDialect],
        [responsesDialect, chatDialect],
      ] as const) {
        const anew = toConversation([runOf(from, prompt, { turns: told })], to)
        const own = toConversation([runOf(to, prompt, { turns: told })], to)
        t.equal(anew, own)
        t.equal(toConversation([runOf(from, prompt, { turns: told })], to), anew, 'the same again')
      }
    }),
  )
  t.end()
})

test('a third run of a conversation sees each of the earlier ones once', (t) => {
  const first = runOf(chatDialect, 'one', { turns: [{ content: 'first', ids: [] }] })
  const earlier = toConversation([first], chatDialect)
  const second = runOf(chatDialect, 'two', { turns: [{ content: 'second', ids: [] }], earlier })
  const messages = JSON.parse(`[${toConversation([first, second], chatDialect)}]`)
  t.strictSame(
    messages
      .filter((message: { role: string }) => message.role === 'user')
      .map((message: { content: string }) => message.content),
    ['one', 'two'],
  )
  t.end()
})

test('what a run asked for and did not live to do is answered in the next one', (t) => {
  const run = runOf(chatDialect, 'one', { turns: [{ content: '', ids: ['a', 'b'], unmet: true }] })
  const chat = JSON.parse(`[${toConversation([run], chatDialect)}]`)
  t.match(chat.slice(-2), [
    { role: 'tool', tool_call_id: 'a', content: /not done/ },
    { role: 'tool', tool_call_id: 'b', content: /not done/ },
  ])
  const items = JSON.parse(`[${toConversation([run], responsesDialect)}]`)
  t.match(items.slice(-2), [{ type: 'function_call_output', call_id: 'a' }, { call_id: 'b' }])
  t.end()
})

test('a request of the Responses API keeps nothing at the server and grows at its end', (t) => {
  const options = '"include":["reasoning.encrypted_content"],'
  const head = { model: 'm', toolsJson: responsesDialect.tools(toolsJson), systemPrompt: 'be good', options }
  const transcript = createTranscript(responsesDialect, head)
  const empty = JSON.parse(transcript.toRequest().body)
  t.strictSame(empty.input, [])
  const run = runOf(responsesDialect, 'go', { turns: [{ content: 'I look.', ids: ['a'] }] })
  let before = ''
  for (const entry of run) {
    transcript.add(entry)
    const { body } = transcript.toRequest()
    t.ok(body.startsWith(before))
    before = body.slice(0, -2)
  }
  t.strictSame(JSON.parse(transcript.toRequest().body), {
    model: 'm',
    stream: true,
    store: false,
    include: ['reasoning.encrypted_content'],
    instructions: 'be good',
    tools: [{ type: 'function', name: 'Shell', description: 'runs', parameters: { type: 'object' }, strict: false }],
    input: [
      { type: 'message', role: 'user', content: 'go' },
      { type: 'function_call', call_id: 'bootstrap_1', name: 'GetWorkingDirectory', arguments: '{}' },
      { type: 'function_call_output', call_id: 'bootstrap_1', output: 'result of bootstrap_1' },
      { type: 'message', role: 'assistant', content: 'I look.' },
      { type: 'function_call', call_id: 'a', name: 'Shell', arguments: '{"command":"a"}' },
      { type: 'function_call_output', call_id: 'a', output: 'result of a' },
    ],
  })
  t.end()
})

test('thoughts go back where they were, and those that nothing came of do not', (t) => {
  const thought = (json: string): AnswerPart => ({ kind: 'reasoning', json })
  const parts: AnswerPart[] = [
    thought('{"type":"reasoning", "id":"r1"}'),
    { kind: 'text', text: 'Hm.', phase: 'commentary' },
    thought('{"id":"r2"}'),
    { kind: 'request', request: request('a') },
    thought('{"id":"r3"}'),
  ]
  const answer = { content: 'Hm.', requests: [request('a')], parts }
  const shown = responsesDialect.answer(answer) ?? ''
  t.ok(shown.startsWith('{"type":"reasoning", "id":"r1"},'), 'to the byte')
  t.match(JSON.parse(`[${shown}]`), [
    { id: 'r1' },
    { type: 'message', phase: 'commentary', content: 'Hm.' },
    { id: 'r2' },
    { type: 'function_call', call_id: 'a' },
  ])
  t.equal(JSON.parse(`[${shown}]`).length, 4)
  t.equal(responsesDialect.answer({ content: '', requests: [], parts: [thought('{}')] }), null)

  const chat = chatDialect.answer({ ...answer, parts: [thought('"hm"')] })
  t.match(JSON.parse(chat ?? ''), {
    role: 'assistant',
    content: 'Hm.',
    tool_calls: [{ id: 'a' }],
    reasoning_content: 'hm',
  })
  t.end()
})

test('a run goes on in the dialect and with the options it began with', (t) => {
  const [first] = runOf(responsesDialect, 'go', { turns: [] })
  if (!first) throw new Error('a run has a first entry')
  const run = foldRun([{ ...first, internal: { dialect: 'responses', request_options: '"a":1,' } }])
  t.match(run, { dialect: 'responses', requestOptions: '"a":1,' })
  t.match(foldRun([{ ...first, internal: null }]), { dialect: 'chat', requestOptions: '' }, 'of the first release')
  t.end()
})
