import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { Compile } from 'typebox/schema'
import { Failure } from '#failure'
import { limits } from '#limits'
import {
  executorMessages,
  maestroMessages,
  readExecutorFrame,
  readMaestroFrame,
  readRunFact,
  runDecorations,
  runFacts,
  toToolStatus,
} from '#wire'

type Read = (text: string) => unknown
type Schema = Readonly<Record<string, unknown>>
type Line = { from: 'executor' | 'maestro'; frame?: { type: string; payload: object } }

const root = join(import.meta.dirname, '../..')
const seed = join(root, 'fixtures/seed')
const readers: Record<string, Read> = { executor: readExecutorFrame, maestro: readMaestroFrame }
const sides = [
  { name: 'executor', read: readExecutorFrame, messages: executorMessages },
  { name: 'maestro', read: readMaestroFrame, messages: maestroMessages },
  { name: 'facts', read: readRunFact, messages: runFacts },
] as const

test('every frame of the golden transcripts is read as it stands, and fits its published schema', (t) => {
  const files = globSync('*.jsonl', { cwd: seed })
  t.ok(files.length >= 13, `${files.length} transcripts`)
  for (const file of files) {
    for (const [index, { from, frame }] of readTranscript(file).entries()) {
      if (!frame) continue
      const at = `${file}:${index + 1} ${frame.type}`
      const { type } = frame
      if (type === 'heartbeat') {
        t.strictSame(readers[from]?.(JSON.stringify(frame)), { type, unknown: true }, at)
      } else if (file === 'wrong-result.jsonl' && at.includes(':9 ')) {
        t.throws(() => readers[from]?.(JSON.stringify(frame)), { code: 'message.invalid', message: /"status"/ })
      } else {
        t.strictSame(readers[from]?.(JSON.stringify(frame)), frame, at)
        const schema = JSON.parse(readFileSync(join(root, `schemas/v1/${from}/${type}.json`), 'utf8'))
        t.ok(Compile(schema).Check(frame), `${at} fits its schema`)
      }
    }
  }
  t.end()
})

test("the founding document's examples are in the transcripts word for word", (t) => {
  const [handshake, runTool, toolResult, delta] = readTranscript('founding-document.jsonl').map((line) => line.frame)
  t.strictSame(handshake, {
    type: 'handshake',
    payload: {
      client_type: 'cli',
      initial_prompt: 'crie um endpoint REST',
      known_tools: ['Shell', 'ReadFile', 'WriteFile', 'Edit'],
      custom_tools: [],
      project_spec: { content: '...', file_paths: ['src/', 'package.json'] },
    },
  })
  t.strictSame(runTool, {
    type: 'run_tool',
    payload: {
      tool_name: 'ReadFile',
      tool_id: 'uuid-123',
      generation_id: 'gen-456',
      parameters: { file_path: 'src/main.py' },
    },
  })
  t.strictSame(toolResult, {
    type: 'tool_result',
    payload: {
      tool_id: 'uuid-123',
      status: 'success',
      result: 'conteúdo do arquivo...',
      generation_id: 'gen-456',
    },
  })
  t.strictSame(delta, {
    type: 'agent_message_delta',
    payload: { generation_id: 'gen-456', content: 'Vou criar o endpoint...' },
  })
  t.end()
})

test('a frame that is no JSON, no object, or has no type or payload is told apart', (t) => {
  const cases: [text: string, code: string][] = [
    ['{', 'request.unparsable'],
    ['', 'request.unparsable'],
    ['{"type":"stored","payload":{}}x', 'request.unparsable'],
    ["{'type':'stored'}", 'request.unparsable'],
    ['null', 'request.malformed'],
    ['[]', 'request.malformed'],
    ['"stored"', 'request.malformed'],
    ['{}', 'request.malformed'],
    ['{"payload":{}}', 'request.malformed'],
    ['{"type":7,"payload":{}}', 'request.malformed'],
    ['{"type":"stored"}', 'request.malformed'],
    ['{"type":"stored","payload":[]}', 'request.malformed'],
    ['{"type":"stored","payload":null}', 'request.malformed'],
    ['{"type":"stored","payload":{}}', 'message.invalid'],
  ]
  for (const [text, code] of cases) {
    t.throws(() => readExecutorFrame(text), { code }, text)
    t.throws(() => readMaestroFrame(text), { code }, text)
  }
  t.strictSame(readMaestroFrame('{"type":"tool_result","payload":{}}'), { type: 'tool_result', unknown: true })
  t.strictSame(readExecutorFrame('{"type":"run_tool","payload":{}}'), { type: 'run_tool', unknown: true })
  t.end()
})

test('a wrong field is refused by its path and nothing is coerced (PR-05)', (t) => {
  const result = { tool_id: 't', status: 'success', result: 'x', generation_id: 'g' }
  const call = { tool_name: 'Shell', tool_id: 't', generation_id: 'g', parameters: {} }
  const hello = {
    client_type: 'cli',
    initial_prompt: 'x',
    known_tools: ['Shell'],
    custom_tools: [],
    project_spec: { content: '', file_paths: [] },
  }
  const cases: [Read, type: string, payload: object, path: string][] = [
    [readExecutorFrame, 'tool_result', { ...result, tool_id: 7 }, 'tool_id'],
    [readExecutorFrame, 'tool_result', { ...result, tool_id: '' }, 'tool_id'],
    [readExecutorFrame, 'tool_result', { ...result, generation_id: null }, 'generation_id'],
    [readExecutorFrame, 'tool_result', { ...result, status: true }, 'status'],
    [readExecutorFrame, 'tool_result', { ...result, bytes_total: '7' }, 'bytes_total'],
    [readExecutorFrame, 'tool_result', { ...result, truncated: 'false' }, 'truncated'],
    [readExecutorFrame, 'tool_result', { ...result, error: { code: 1, message: '' } }, 'error.code'],
    [readMaestroFrame, 'run_tool', { ...call, parameters: 'x' }, 'parameters'],
    [readMaestroFrame, 'run_tool', { ...call, parameters: [] }, 'parameters'],
    [readMaestroFrame, 'run_tool', { ...call, parameters: null }, 'parameters'],
    [readMaestroFrame, 'run_tool', { ...call, timeout_ms: 0 }, 'timeout_ms'],
    [readMaestroFrame, 'run_tool', { ...call, timeout_ms: 1.5 }, 'timeout_ms'],
    [readMaestroFrame, 'run_tool', { ...call, timeout_ms: '1000' }, 'timeout_ms'],
    [readExecutorFrame, 'handshake', { ...hello, known_tools: 'Shell' }, 'known_tools'],
    [readExecutorFrame, 'handshake', { ...hello, known_tools: ['Shell', 7] }, 'known_tools.1'],
    [readExecutorFrame, 'handshake', { ...hello, custom_tools: [{ name: '1st' }] }, 'custom_tools.0'],
    [readExecutorFrame, 'handshake', { ...hello, project_spec: { content: '' } }, 'project_spec'],
    [readExecutorFrame, 'handshake', { ...hello, initial_prompt: undefined }, 'payload'],
  ]
  for (const [read, type, payload, path] of cases) {
    const text = JSON.stringify({ type, payload })
    t.throws(() => read(text), { code: 'message.invalid', message: `${type}: "${path}"` }, text)
  }
  t.throws(() => readExecutorFrame('{"type":"stored","payload":{}}'), { message: 'ref' }, 'a missing one is named')
  t.end()
})

test('a handshake with more than the limits allow is refused (PR-35, PR-37)', (t) => {
  const hello = {
    client_type: 'cli',
    initial_prompt: 'x',
    known_tools: ['Shell'],
    custom_tools: [],
    project_spec: { content: '', file_paths: [] },
  }
  const tool = { name: 'A', description: '', parameters: {} }
  const cases: [object, path: string][] = [
    [{ known_tools: Array.from({ length: 10_000 }, () => 'Shell') }, 'known_tools'],
    [{ custom_tools: Array.from({ length: limits.customToolsMax + 1 }, () => tool) }, 'custom_tools'],
    [
      { custom_tools: [{ ...tool, description: 'x'.repeat(limits.toolDescriptionCharactersMax + 1) }] },
      'custom_tools.0.description',
    ],
    [{ initial_prompt: 'x'.repeat(limits.promptCharactersMax + 1) }, 'initial_prompt'],
    [
      { project_spec: { content: 'x'.repeat(limits.projectSpecCharactersMax + 1), file_paths: [] } },
      'project_spec.content',
    ],
  ]
  for (const [more, path] of cases) {
    const text = JSON.stringify({ type: 'handshake', payload: { ...hello, ...more } })
    t.throws(() => readExecutorFrame(text), { code: 'message.invalid', message: `"${path}"` }, path)
  }
  t.end()
})

test('a frame of 100,000 levels is refused and leaves the process alive (PR-09)', (t) => {
  const wrap = (inner: string): string => `{"type":"tool_result","payload":{"result":${inner}}}`
  const levels = 100_000
  const bombs = {
    arrays: wrap('['.repeat(levels) + ']'.repeat(levels)),
    objects: wrap('{"a":'.repeat(levels) + '1' + '}'.repeat(levels)),
    'only opened': '['.repeat(levels),
    'behind a string': wrap(`["]]]]\\"]]",${'['.repeat(levels)}${']'.repeat(levels)}]`),
    'as much as a frame may have': '['.repeat(limits.messageBytesMax),
  }
  for (const [name, text] of Object.entries(bombs)) {
    t.throws(() => readExecutorFrame(text), { code: 'request.malformed' }, name)
  }

  const nest = (depth: number): string =>
    `{"type":"tool_result","payload":{"tool_id":"t","status":"ok","generation_id":"g","result":${'['.repeat(depth)}${']'.repeat(depth)}}}`
  t.doesNotThrow(() => readExecutorFrame(nest(limits.jsonDepthMax - 2)), 'as deep as may be')
  t.throws(() => readExecutorFrame(nest(limits.jsonDepthMax - 1)), { code: 'request.malformed' }, 'one level more')
  const brackets = JSON.stringify({ type: 'tool_result', payload: { ...seedResult(), result: '[{'.repeat(1_000) } })
  t.doesNotThrow(() => readExecutorFrame(brackets), 'brackets in a text are text')
  t.end()
})

test('of a duplicate key the last one counts, at both ends, and it is the one that is judged (PR-11)', (t) => {
  const call = '"tool_id":"t","generation_id":"g","parameters":{}'
  const twice = (first: string, second: string): string =>
    `{"type":"run_tool","payload":{"tool_name":${first},${call},"tool_name":${second}}}`
  t.match(readMaestroFrame(twice('"Shell"', '"ReadFile"')), { payload: { tool_name: 'ReadFile' } })
  t.throws(() => readMaestroFrame(twice('"Shell"', '7')), { message: /"tool_name"/ })
  t.match(readMaestroFrame(twice('7', '"Shell"')), { payload: { tool_name: 'Shell' } })

  const result = '"status":"ok","result":1,"generation_id":"g"'
  t.match(readExecutorFrame(`{"type":"tool_result","payload":{"tool_id":"a",${result},"tool_id":"b"}}`), {
    payload: { tool_id: 'b' },
  })
  t.match(readExecutorFrame(`{"type":"run_tool","payload":7,"type":"goodbye","payload":{"reason":"x"}}`), {
    type: 'goodbye',
    payload: { reason: 'x' },
  })
  t.end()
})

test('a key that means something to JavaScript is a key like any other', (t) => {
  const text =
    '{"type":"run_tool","payload":{"tool_name":"A","tool_id":"t","generation_id":"g","parameters":{"__proto__":{"polluted":1},"constructor":1}}}'
  const frame = readMaestroFrame(text)
  t.equal(JSON.stringify(frame), text)
  t.notOk('polluted' in {})
  for (const type of ['__proto__', 'constructor', 'toString'])
    t.strictSame(readMaestroFrame(JSON.stringify({ type, payload: {} })), { type, unknown: true })
  t.end()
})

test('success, ok, completed and done are success; a word that is not known is an error (PR-47)', (t) => {
  for (const word of ['success', 'ok', 'completed', 'done']) t.equal(toToolStatus(word), 'success', word)
  for (const word of ['error', 'cancelled', 'denied', 'timeout', 'interrupted'] as const)
    t.equal(toToolStatus(word), word)
  for (const word of ['', 'OK', 'Success', 'failed', 'toString', '__proto__', ' ok'])
    t.equal(toToolStatus(word), 'error', word)
  const known = ['success', 'error', 'cancelled', 'denied', 'timeout', 'interrupted']
  holds(
    t,
    fc.property(fc.string(), (word) => assert(known.includes(toToolStatus(word)))),
  )
  t.end()
})

test('any valid frame comes back as it was sent, and so does what is not known in it', (t) => {
  for (const { name, read, messages } of sides) {
    for (const { type, payload } of messages) {
      const sent = fc.tuple(
        toArbitrary({ ...payload }),
        fc.dictionary(fc.stringMatching(/^zz_[a-z]{1,5}$/), json(), { maxKeys: 2 }),
      )
      holds(
        t,
        fc.property(sent, ([known, unknown]) => {
          const text = JSON.stringify({ type, payload: { ...(known as object), ...unknown } })
          assert.deepEqual(read(text), JSON.parse(text))
        }),
        `${name}: ${type}`,
      )
    }
  }
  t.end()
})

test('whatever comes, a reader answers or fails with a Failure that names the mistake', (t) => {
  const types = [...executorMessages, ...maestroMessages, ...runFacts, ...runDecorations].map(({ type }) => type)
  const garbage = fc.oneof(
    fc.string(),
    fc.string({ unit: fc.constantFrom(...Array.from('{}[]":,\\u0e1-tfn ')) }),
    json().map((value) => JSON.stringify(value)),
    fc.tuple(fc.constantFrom(...types), json()).map(([type, payload]) => JSON.stringify({ type, payload })),
    fc
      .tuple(fc.constantFrom(...types), fc.dictionary(fc.constantFrom(...fieldNames()), json()))
      .map(([type, payload]) => JSON.stringify({ type, payload })),
  )
  holds(
    t,
    fc.property(garbage, (text) => {
      for (const { read } of sides) assertHonest(read, text)
    }),
    'garbage',
    2_000,
  )

  const frames = fc.oneof(
    ...executorMessages.map(({ type, payload }) =>
      toArbitrary({ ...payload }).map((value) => JSON.stringify({ type, payload: value })),
    ),
  )
  holds(
    t,
    fc.property(frames, fc.nat(), fc.constantFrom('', '7', '"', '{', '\\', 'null'), (text, at, put) => {
      const place = at % text.length
      assertHonest(readExecutorFrame, text.slice(0, place) + put + text.slice(place + 1))
    }),
    'a frame with one character changed',
    1_000,
  )
  t.end()
})

function assertHonest(read: Read, text: string): void {
  try {
    read(text)
  } catch (thrown) {
    assert(thrown instanceof Failure, String(thrown))
    assert.match(thrown.code, /^(request\.(unparsable|malformed)|message\.invalid)$/)
    assert.notEqual(thrown.message, '')
  }
}

function readTranscript(file: string): Line[] {
  const lines = readFileSync(join(seed, file), 'utf8').trimEnd().split('\n')
  return lines.map((line): Line => JSON.parse(line))
}

function seedResult(): object {
  return { tool_id: 't', status: 'success', result: '', generation_id: 'g' }
}

function fieldNames(): string[] {
  return [...new Set(executorMessages.flatMap(({ payload }) => Object.keys(payload.properties)))]
}

/** Any JSON that a frame may carry: its depth stays below the limit. */
function json(): fc.Arbitrary<unknown> {
  return fc.jsonValue({ maxDepth: 4, stringUnit: 'binary' }).map((value): unknown => JSON.parse(JSON.stringify(value)))
}

/** Values that fit a schema of ours. */
function toArbitrary(schema: Schema): fc.Arbitrary<unknown> {
  if (Array.isArray(schema['enum'])) return fc.constantFrom(...(schema['enum'] as unknown[]))
  switch (schema['type']) {
    case 'object':
      return toObjects(schema)
    case 'array': {
      const { minItems = 0, maxItems = 3 } = schema as { minItems?: number; maxItems?: number }
      return fc.array(toArbitrary(schema['items'] as Schema), { minLength: minItems, maxLength: Math.min(maxItems, 3) })
    }
    case 'string':
      return toStrings(schema)
    case 'integer':
    case 'number': {
      const { minimum = -1e9, maximum = 1e9 } = schema as { minimum?: number; maximum?: number }
      return fc.integer({ min: minimum, max: maximum })
    }
    case 'boolean':
      return fc.boolean()
    default:
      return json()
  }
}

function toObjects(schema: Schema): fc.Arbitrary<unknown> {
  if (schema['patternProperties']) return fc.dictionary(fc.string(), json(), { maxKeys: 3 })
  const properties = schema['properties'] as Record<string, Schema>
  const required = (schema['required'] ?? []) as string[]
  const values = Object.fromEntries(Object.entries(properties).map(([name, field]) => [name, toArbitrary(field)]))
  return fc.record(values, { requiredKeys: required })
}

function toStrings(schema: Schema): fc.Arbitrary<string> {
  const {
    minLength = 0,
    maxLength = 20,
    pattern,
  } = schema as { minLength?: number; maxLength?: number; pattern?: string }
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern)).map((text) => text.slice(0, maxLength))
  return fc.string({ minLength, maxLength: Math.min(maxLength, 20), unit: 'binary' })
}

function holds(t: Test, property: fc.IRawProperty<unknown>, name = 'holds for all', numRuns = 50): void {
  t.doesNotThrow(() => fc.assert(property, { numRuns }), name)
}
