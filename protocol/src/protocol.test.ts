import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { breakingChanges } from './breaking-changes.ts'
import { Failure, failures, isFailureCode, toFailure } from './failure.ts'
import { compareEventPositions, parseEventId, toEventId } from './ids.ts'
import { publishedSchemas } from './published-schemas.ts'

type Node = Record<string, unknown>

const root = join(import.meta.dirname, '..')
const published = Object.fromEntries(publishedSchemas())

test('the published schemas are what the sources say, and no peer of the last release is broken', (t) => {
  t.strictSame(writeSchemas('--check'), { status: 0, problems: [] })
  t.end()
})

test('a file that is changed, missing or too many is named', (t) => {
  const folder = copySchemas(t)
  writeFileSync(join(folder, 'executor/handshake.json'), '{}')
  rmSync(join(folder, 'events/usage.json'))
  writeFileSync(join(folder, 'events/more.json'), '{}')
  const { status, problems } = writeSchemas('--check', '--folder', folder)
  t.equal(status, 1)
  t.strictSame(problems.toSorted(), [
    'events/more.json stands for nothing any more',
    'events/usage.json is out of date',
    'executor/handshake.json is out of date',
  ])

  t.strictSame(writeSchemas('--folder', folder), { status: 0, problems: [] }, 'writing mends it')
  t.strictSame(writeSchemas('--check', '--folder', folder), { status: 0, problems: [] })
  t.notOk(existsSync(join(folder, 'events/more.json')))
  t.end()
})

test('what breaks a peer of the last release cannot be released', (t) => {
  const folder = copySchemas(t)
  const file = join(folder, 'released.json')
  // As if the last release had known a message and a field that are not there now.
  const released = JSON.parse(readFileSync(file, 'utf8'))
  released['executor/farewell'] = { type: 'object' }
  released['executor/stored'].properties.payload.properties.at = { type: 'integer' }
  const text = JSON.stringify(released)
  writeFileSync(file, text)

  const problems = ['executor/farewell is gone', 'executor/stored.payload.at is gone']
  t.strictSame(sorted(writeSchemas('--check', '--folder', folder)), { status: 1, problems })
  t.strictSame(sorted(writeSchemas('--release', '--folder', folder)), { status: 1, problems })
  t.equal(readFileSync(file, 'utf8'), text, 'the last release stays on record')

  rmSync(file)
  t.equal(writeSchemas('--check', '--folder', folder).status, 1, 'without a last release nothing is proven')
  t.equal(writeSchemas('--release', '--folder', folder).status, 0)
  t.equal(writeSchemas('--check', '--folder', folder).status, 0)
  t.end()
})

test('each kind of break is named by its place', (t) => {
  const before = {
    m: object({
      id: { type: 'string', maxLength: 10, pattern: '^a' },
      word: { enum: ['yes', 'no'] },
      'count?': { type: 'integer', minimum: 1 },
      'list?': { type: 'array', maxItems: 5, items: object({ name: { type: 'string' } }) },
      'any?': {},
      'map?': { type: 'object', patternProperties: { '^.*$': { type: 'string' } } },
      'closed?': { ...object({ a: {} }), additionalProperties: false },
    }),
    n: object({}),
  }
  const cases: [change: (m: Node) => void, report: string | undefined][] = [
    [(m) => delete m['n'], 'n is gone'],
    [(m) => delete fields(m)['count'], 'm.count is gone'],
    [(m) => (fields(m)['extra'] = {}), undefined],
    [(m) => ((fields(m)['extra'] = {}), require(m, 'extra')), 'm.extra is new and required'],
    [(m) => require(m, 'count'), 'm.count is required now'],
    [(m) => (at(m, 'm')['required'] = ['word']), 'm.id may be absent now'],
    [(m) => (at(m, 'id')['type'] = 'integer'), 'm.id (type) was "string" and is "integer"'],
    [(m) => (at(m, 'id')['maxLength'] = 9), 'm.id (maxLength) was 10 and is 9'],
    [(m) => (at(m, 'id')['maxLength'] = 11), 'm.id (maxLength) was 10 and is 11'],
    [(m) => delete at(m, 'id')['maxLength'], 'm.id (maxLength) was 10 and is not there'],
    [(m) => (at(m, 'id')['minLength'] = 1), 'm.id (minLength) was not there and is 1'],
    [(m) => (at(m, 'id')['pattern'] = '^b'), 'm.id (pattern) was "^a" and is "^b"'],
    [(m) => (at(m, 'word')['enum'] = ['yes']), 'm.word (enum) does not take "no" any more'],
    [
      (m) => (at(m, 'word')['enum'] = ['no', 'yes', 'maybe']),
      'm.word (enum) takes "maybe" now, which a peer of before refuses',
    ],
    [(m) => (at(m, 'word')['enum'] = ['no', 'yes']), undefined],
    [(m) => (at(m, 'count')['type'] = 'number'), 'm.count (type) takes any number now'],
    [(m) => (at(m, 'count')['minimum'] = 2), 'm.count (minimum) was 1 and is 2'],
    [(m) => (at(m, 'count')['multipleOf'] = 2), 'm.count (multipleOf) was not there and is 2'],
    [(m) => (at(m, 'any')['type'] = 'string'), 'm.any (type) was not there and is "string"'],
    [(m) => (at(m, 'list')['items'] = object({})), 'm.list[].name is gone'],
    [
      (m) => (at(m, 'map')['patternProperties'] = { '^.*$': { type: 'integer' } }),
      'm.map.^.*$ (type) was "string" and is "integer"',
    ],
    [(m) => (fields(m, 'closed')['b'] = {}), 'm.closed.b is new in an object that takes no others'],
    [(m) => (at(m, 'm')['additionalProperties'] = false), 'm (additionalProperties) was not there and is false'],
    [(m) => ((at(m, 'm')['description'] = 'x'), (at(m, 'id')['title'] = 'y')), undefined],
    [(m) => (m['o'] = object({})), undefined],
  ]
  for (const [change, report] of cases) {
    const after = structuredClone(before)
    change(after)
    t.strictSame(breakingChanges(before, after), report === undefined ? [] : [report])
  }

  const [narrow, wide] = [object({ a: { maximum: 5 } }), object({ a: { maximum: 6 } })]
  t.strictSame(breakingChanges({ 'built-in/x': narrow }, { 'built-in/x': wide }), [], 'a built-in may take more')
  t.equal(breakingChanges({ 'built-in/x': wide }, { 'built-in/x': narrow }).length, 1, 'and not less')
  t.end()
})

test('no place in any published schema may change unseen, and any may have one more optional field', (t) => {
  let changes = 0
  for (const [file, schema] of Object.entries(published)) {
    const report = (after: unknown): string[] => breakingChanges({ [file]: schema }, { [file]: after })
    t.strictSame(report(structuredClone(schema)), [])
    for (const { after, isFree, what } of eachChange(JSON.parse(JSON.stringify(schema)))) {
      changes += 1
      const reported = report(after)
      if (isFree ? reported.length > 0 : reported.length !== 1) t.fail(`${file}: ${what}`, { reported })
    }
  }
  t.ok(changes > 1_000, `${changes} changes were tried`)
  t.end()
})

test('event ids say where they stand', (t) => {
  const number = fc.integer({ min: 0, max: 999_999_999_999_999 })
  const place = fc.tuple(number, number).map(([position, k]) => ({ position, k }))
  const toSortable = (at: { position: number; k: number }): string =>
    [at.position, at.k].map((part) => String(part).padStart(15, '0')).join('-')
  holds(
    t,
    fc.property(place, (at) => assert.deepEqual(parseEventId(toEventId(at.position, at.k)), at)),
  )
  holds(
    t,
    fc.property(place, place, (a, b) => {
      const [first, second] = [toSortable(a), toSortable(b)]
      assert.equal(Math.sign(compareEventPositions(a, b)), first < second ? -1 : first === second ? 0 : 1)
    }),
  )
  for (const wrong of ['', '1', '1-', '-1', '1-1-1', ' 1-1', '1-1\n', '+1-0', '1e3-0', '1234567890123456-0', '٣-0'])
    t.equal(parseEventId(wrong), undefined, JSON.stringify(wrong))
  t.end()
})

test('whatever is thrown shows as a failure of the table, and only a Failure tells its own words', (t) => {
  for (const code of Object.keys(failures)) t.ok(isFailureCode(code))
  for (const word of ['', 'toString', '__proto__', 'hasOwnProperty']) t.notOk(isFailureCode(word), word)

  const own = new Failure('tool.denied', 'No.', { hint: 'Ask.', cause: new Error('why') })
  t.equal(toFailure(own), own)
  t.match(own, { code: 'tool.denied', hint: 'Ask.', retryable: false, cause: { message: 'why' } })
  t.equal(new Failure('executor.offline', 'Gone.').retryable, true)
  holds(
    t,
    fc.property(fc.anything(), (thrown) => {
      const failure = toFailure(thrown)
      assert.equal(failure.code, 'internal')
      assert.equal(failure.message, 'Something broke inside CodeGen; its log has the details.')
      assert(Object.is(failure.cause, thrown))
    }),
  )
  t.end()
})

function holds(t: Test, property: fc.IRawProperty<unknown>): void {
  t.doesNotThrow(() => fc.assert(property))
}

function writeSchemas(...flags: string[]): { status: number | null; problems: string[] } {
  const script = ['--conditions=codegen-source', join(root, 'write-schemas.ts'), ...flags]
  const { status, stderr } = spawnSync(process.execPath, script, { encoding: 'utf8' })
  return { status, problems: stderr.split('\n').filter(Boolean) }
}

function sorted<Answer extends { problems: string[] }>(answer: Answer): Answer {
  return { ...answer, problems: answer.problems.toSorted() }
}

function copySchemas(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'codegen-schemas-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  cpSync(join(root, 'schemas/v1'), folder, { recursive: true })
  return folder
}

/** An object's schema; a name that ends in `?` need not be there. */
function object(members: Node): Node {
  const names = Object.keys(members)
  return {
    type: 'object',
    required: names.filter((name) => !name.endsWith('?')),
    properties: Object.fromEntries(names.map((name) => [name.replace('?', ''), members[name]])),
  }
}

function at(schemas: Node, name: string): Node {
  return (name === 'm' ? schemas['m'] : fields(schemas)[name]) as Node
}

function fields(schemas: Node, name = 'm'): Node {
  return at(schemas, name)['properties'] as Node
}

function require(schemas: Node, name: string): void {
  ;(at(schemas, 'm')['required'] as string[]).push(name)
}

type TriedChange = { after: Node; isFree: boolean; what: string }

/** One schema after each change that can be made to it in one place. */
function* eachChange(whole: Node): Generator<TriedChange> {
  for (const path of nodePaths(whole, [])) {
    for (const { what, change, isFree = false } of changesOf(nodeAt(whole, path))) {
      const after = structuredClone(whole)
      change(nodeAt(after, path))
      yield { after, isFree, what: `${path.join('.')}: ${what}` }
    }
  }
}

function nodeAt(whole: Node, path: readonly string[]): Node {
  return path.reduce((node, step) => node[step] as Node, whole)
}

function* nodePaths(node: Node, path: string[]): Generator<string[]> {
  yield path
  for (const word of ['properties', '$defs']) {
    for (const name of Object.keys(node[word] ?? {}))
      yield* nodePaths((node[word] as Node)[name] as Node, [...path, word, name])
  }
  if (node['items']) yield* nodePaths(node['items'] as Node, [...path, 'items'])
}

type OneChange = { what: string; change: (node: Node) => void; isFree?: boolean }

function* changesOf(node: Node): Generator<OneChange> {
  const properties = (node['properties'] ?? {}) as Node
  const required = (node['required'] ?? []) as string[]
  for (const name of Object.keys(properties)) {
    yield { what: `without ${name}`, change: (after) => delete (after['properties'] as Node)[name] }
    if (!required.includes(name))
      yield { what: `${name} required`, change: (after) => (after['required'] = [...required, name]) }
  }
  if (node['type'] === 'object' && node['additionalProperties'] !== false) {
    yield {
      what: 'one more optional field',
      isFree: true,
      change: (after) => (after['properties'] = { ...properties, zzz: { type: 'string' } }),
    }
  }
  if (node['type'] !== undefined) yield { what: 'another type', change: (after) => (after['type'] = 'null') }
  if (node['const'] !== undefined) yield { what: 'another name', change: (after) => (after['const'] = 'zzz') }
  if (node['pattern'] !== undefined) yield { what: 'another pattern', change: (after) => (after['pattern'] = '^zzz$') }
  if (node['anyOf'] !== undefined) yield { what: 'fewer choices', change: (after) => (after['anyOf'] as []).pop() }
  if (node['enum'] !== undefined) yield { what: 'one word less', change: (after) => (after['enum'] as []).pop() }
  for (const bound of Object.keys(node).filter((word) => /^(min|max)[A-Z]?/.test(word))) {
    const step = bound.startsWith('min') ? 1 : -1
    yield { what: `tighter ${bound}`, change: (after) => (after[bound] = (node[bound] as number) + step) }
  }
}
