import fc from 'fast-check'
import { test } from 'tap'
import { createHarness } from './harness.ts'
import {
  decodeText,
  defineTool,
  encodeText,
  isSameName,
  lineEndsOf,
  linesOf,
  nearPaths,
  shownPath,
  unifiedDiff,
  withLineEnds,
} from './kit.ts'
import type { Files, TextEncoding } from './kit.ts'

const names: TextEncoding['name'][] = ['utf-8', 'utf-16le', 'utf-16be']

test('any bytes that are read as text are given back byte for byte', (t) => {
  const texty = fc.array(fc.oneof(fc.integer({ min: 32, max: 126 }), fc.integer({ min: 0x80, max: 0xff })))
  const pieces = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      texty.map((bytes) => Uint8Array.from(bytes)),
      fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text))),
      fc
        .constantFrom([0xef, 0xbb, 0xbf], [0xff, 0xfe], [0xfe, 0xff], [0xf0, 0x9f, 0x98])
        .map((mark) => Uint8Array.from(mark)),
    ),
  )
  fc.assert(
    fc.property(pieces, (parts) => {
      const bytes = Buffer.concat(parts)
      const decoded = decodeText(bytes)
      return decoded === undefined || bytes.equals(encodeText(decoded.text, decoded.encoding) ?? Buffer.alloc(0))
    }),
    { numRuns: 3_000 },
  )
  t.end()
})

test('text is read right in each encoding, with and without a byte order mark', (t) => {
  const text = 'Grüße, 世界 and 🙂\r\nsecond line with some more Latin letters\n'
  for (const name of names) {
    const marked = encodeText(text, { name, byteOrderMark: true })
    t.same(marked && decodeText(marked), { text, encoding: { name, byteOrderMark: true } })
    const plain = encodeText(text, { name, byteOrderMark: false })
    t.same(plain && decodeText(plain), { text, encoding: { name, byteOrderMark: false } })
  }
  t.end()
})

test('bytes that are no UTF-8 are Latin-1 as browsers read it', (t) => {
  t.same(decodeText(Buffer.from('caf\u00e9 \u0093quoted\u0094', 'latin1')), {
    text: 'café “quoted”',
    encoding: { name: 'latin1', byteOrderMark: false },
  })
  t.equal(encodeText('→', { name: 'latin1', byteOrderMark: false }), undefined)
  t.end()
})

test('UTF-8 with a stray byte stays UTF-8', (t) => {
  const bytes = Buffer.concat([
    Buffer.from('Grüße '),
    Buffer.from([0xff]),
    Buffer.from('世界 🙂'.repeat(3)),
    Buffer.from([0xe4, 0xb8]),
  ])
  const decoded = decodeText(bytes)
  t.equal(decoded?.encoding.name, 'utf-8-damaged')
  t.match(decoded?.text.toWellFormed(), /^Grüße \ufffd世界/)
  t.end()
})

test('what is no text is told from text', (t) => {
  const binary = [
    [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13],
    [0x7f, 0x45, 0x4c, 0x46, 2, 1, 1, 0],
    [0, 0, 0, 0],
    [0xff, 0xfe, 0, 0, 0x41, 0, 0, 0],
    [0xff, 0xfe, 0x41],
    [0x1f, 0x8b, 0x08, 0x04, 0x9f, 0x03, 0xe5, 0x02, 0xff],
  ]
  for (const bytes of binary) t.equal(decodeText(Uint8Array.from(bytes)), undefined, bytes.join(' '))
  for (const text of ['', 'a', '\u001b[31mred\u001b[0m', '世界']) t.equal(decodeText(Buffer.from(text))?.text, text)
  t.end()
})

test('line ends are counted, cut at and changed', (t) => {
  t.same(lineEndsOf('a\r\nb\r\nc\n'), { kind: 'mixed', most: '\r\n' })
  t.same(lineEndsOf('a'), { kind: 'none', most: '\n' })
  t.same(lineEndsOf('a\r\n'), { kind: 'crlf', most: '\r\n' })
  t.same(linesOf('a\n\nb'), ['a\n', '\n', 'b'])
  t.same(linesOf(''), [])
  t.equal(withLineEnds('a\r\nb\n', '\r\n'), 'a\r\nb\r\n')
  t.equal(withLineEnds('a\r\nb\n', '\n'), 'a\nb\n')
  t.end()
})

test('a diff turns the old text into the new one', (t) => {
  const line = fc.constantFrom('a', 'b', 'c', '', '  a')
  const text = fc
    .tuple(fc.array(line, { maxLength: 30 }), fc.boolean())
    .map(([lines, ends]) => lines.join('\n') + (ends ? '\n' : ''))
  fc.assert(
    fc.property(text, text, (before, after) => {
      const diff = unifiedDiff(before, after)
      return !diff.truncated && applied(before, diff.text) === after
    }),
    { numRuns: 1_000 },
  )
  t.same(unifiedDiff('a\r\nb\r\n', 'a\nb\n'), { text: '', linesAdded: 0, linesRemoved: 0, truncated: false })
  t.end()
})

test('a diff of any size is bounded in time and length, and says what was cut', (t) => {
  const before = Array.from({ length: 200_000 }, (_, index) => `old ${index * 7919}`).join('\n')
  const after = Array.from({ length: 200_000 }, (_, index) => `new ${index * 7907}`).join('\n')
  const diff = unifiedDiff(before, after)
  t.same([diff.linesAdded, diff.linesRemoved, diff.truncated], [200_000, 200_000, true])
  t.match(diff.text, /\n\[diff cut: 400 of its 400,?003 lines shown\]$/)

  const long = unifiedDiff('', 'x'.repeat(1_000_000))
  t.ok(long.text.length < 3_000)
  t.match(long.text, /line cut/)
  t.end()
})

test('names near one that does not exist are found in its folder', async (t) => {
  const entries = ['README.md', 'index.ts', 'index.test.ts', 'other.js', 'étude.txt'.normalize('NFD')]
  const { context } = createHarness({ files: onlyLists(entries) })
  t.same(await nearPaths(context.files, 'src/index.js'), ['src/index.ts'])
  t.same(await nearPaths(context.files, 'readme.md'), ['README.md'])
  t.same(await nearPaths(context.files, 'étude.txt'), ['étude.txt'.normalize('NFD')])
  t.same(await nearPaths(context.files, 'nothing-like-it.rs'), [])
  t.ok(isSameName('FILE.txt', 'file.txt'))
  t.notOk(isSameName('file.txt', 'files.txt'))
})

test('a path in a sentence holds no control characters and is not endless', (t) => {
  t.equal(shownPath('src/a b.ts'), 'src/a b.ts')
  t.equal(shownPath('a\u001b[2Jb\n'), JSON.stringify('a\u001b[2Jb\n'))
  t.equal(shownPath('x'.repeat(5_000)).length, 283)
  t.end()
})

test('a tool keeps its definition and runs with the parts a test gives', async (t) => {
  const definition = { name: 'Greet', description: 'Greets.', parameters: { type: 'object' } }
  const tool = defineTool<{ name: string }>(definition, ({ name }, context) => {
    context.output(`hello ${name}`)
    return { text: context.cwd, isError: true }
  })
  const harness = createHarness({ cwd: '/somewhere' })
  t.same(await harness.run(tool, { name: 'you' }), { text: '/somewhere', isError: true })
  t.same(harness.outputs, [{ chunk: 'hello you', stream: 'stdout' }])
  t.match(tool, definition)
  await t.rejects(harness.context.files.stat('x'), /give the harness a files of your own/)
})

/** Applies a diff with whole context, as `patch` would. */
function applied(before: string, diff: string): string {
  if (diff === '') return before
  const old = linesOf(before)
  const result: string[] = []
  let [at, previous] = [0, '']
  for (const line of diff.split('\n')) {
    const header = /^@@ -(\d+),(\d+) \+\d+,\d+ @@$/.exec(line)
    if (header) {
      // A hunk without old lines names the line before it.
      const start = Number(header[1]) - (header[2] === '0' ? 0 : 1)
      result.push(...old.slice(at, start))
      at = start
    } else if (line.startsWith('\\')) {
      if (previous.startsWith('+')) result.push((result.pop() ?? '').replace(/\n$/, ''))
    } else if (line.startsWith('+')) result.push(`${line.slice(1)}\n`)
    else if (line.startsWith('-')) at++
    else result.push(old[at++] ?? '')
    previous = line
  }
  return [...result, ...old.slice(at)].join('')
}

function onlyLists(entries: string[]): Files {
  const { files } = createHarness().context
  return {
    ...files,
    list: async (path) => ({
      path,
      entries: entries.map((entry) => ({ path: entry, kind: 'file' as const })),
      total: entries.length,
      totalIsExact: true,
      ignored: false,
    }),
  }
}
