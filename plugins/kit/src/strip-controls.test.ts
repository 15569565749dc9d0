import fc from 'fast-check'
import { test } from 'tap'
import { collapseOverwrites, createControlFilter, stripControls, withoutOpenLine } from './strip-controls.ts'

test('control sequences go, the text between them stays', async (t) => {
  const cases: [string, string][] = [
    ['\x1b[31mred\x1b[0m', 'red'],
    ['\x1b[38;2;1;2;3mrgb\x1b[m', 'rgb'],
    ['a\x1b[2J\x1b[Hb', 'ab'],
    ['a\x9b31mb', 'ab'],
    ['\x1b[?25lhidden cursor\x1b[?25h', 'hidden cursor'],
    ['\x1b(Bcharset\x1b)0', 'charset'],
    ['\x1b7saved\x1b8\x1bc', 'saved'],
    ['\x1b]0;title\x07text', 'text'],
    ['\x1b]8;;https://a.b\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['\x1b]52;c;c2VjcmV0\x07copied', 'copied'],
    ['\x9d52;c;c2VjcmV0\x9ccopied', 'copied'],
    ['\x1bPq#0;2;0\x1b\\sixel', 'sixel'],
    ['\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\text', 'text'],
    ['bell\x07 nul\0 shift\x0e\x0f delete\x7f', 'bell nul shift delete'],
    ['next\x85line\x84', 'nextline'],
    ['tab\tand\nnewline', 'tab\tand\nnewline'],
    ['é ü 漢字 😀 \u200d', 'é ü 漢字 😀 \u200d'],
    ['', ''],
  ]
  for (const [text, stripped] of cases) t.equal(stripControls(text), stripped, JSON.stringify(text))
})

test('what is no whole sequence hides nothing after it', async (t) => {
  t.equal(stripControls('\x1b]0;never ended\nnext line'), '\nnext line')
  t.equal(stripControls('\x1b]0;title\x1b[31mred'), 'red')
  t.equal(stripControls('\x1b[31\nnext'), '\nnext')
  t.equal(stripControls('\x1b\nnext'), '\nnext')
  t.equal(stripControls('end\x1b'), 'end')
  t.equal(stripControls('end\x1b[12;'), 'end')
  t.equal(stripControls(`\x1b[${'1'.repeat(10_000)}m text`), ' text')
})

test('a line that was written over shows what was written last', async (t) => {
  const cases: [string, string][] = [
    ['10%\r50%\r100%\ndone', '100%\ndone'],
    ['10%\r50%\r\ndone\r\n', '50%\ndone\n'],
    ['10%\r\x1b[K100%', '100%'],
    ['left\r', 'left'],
    ['\rright', 'right'],
    ['N\bNA\bA_\bME\b', 'NAM'],
    ['|\b/\b-\b\\\b done', ' done'],
    ['\b\bab', 'ab'],
    ['line\n\b\bx', 'line\nx'],
    ['a\r\r\r\nb', 'a\nb'],
  ]
  for (const [text, stripped] of cases) t.equal(stripControls(text), stripped, JSON.stringify(text))
})

const hostile = fc.string({
  unit: fc.constantFrom(
    ...[
      '\x1b',
      '[',
      ']',
      '0',
      ';',
      'm',
      'P',
      '\\',
      '\x07',
      '\n',
      '\r',
      '\b',
      '\x9b',
      '\x9d',
      '\x9c',
      '\x18',
      'a',
      'é',
      '😀',
      '(',
      ' ',
    ],
  ),
  maxLength: 60,
})

test('no control character but newline and tab is ever left', async () => {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  fc.assert(fc.property(hostile, (text) => !/[\x00-\x08\x0b-\x1f\x7f-\x9f]/.test(stripControls(text))))
})

test('a stream shows the same text however it is cut into pieces', async () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 6 }), (pieces) => {
      const filter = createControlFilter()
      const piecewise = pieces.map((piece) => filter.push(piece)).join('')
      return withoutOpenLine(collapseOverwrites(piecewise)) === stripControls(pieces.join(''))
    }),
    { numRuns: 1_000 },
  )
})

test('the time text takes grows with its length alone, whatever it is made of', async (t) => {
  for (const unit of [
    '\x1b',
    '\x1b[',
    '\x1b]',
    '\x9b0',
    'a\b',
    '\b',
    'a\r',
    '\r',
    '\x1b[31m',
    '\x1b ',
    '\x00',
    '\x1b[0',
  ]) {
    // Of so much text, what takes time by its square would never end within the test's.
    const text = unit.repeat(4_000_000 / unit.length)
    t.ok(stripControls(text).length <= text.length, JSON.stringify(unit))
  }
})
