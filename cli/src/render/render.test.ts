import assert from 'node:assert/strict'
import fc from 'fast-check'
import { test } from 'tap'
import { createAnswer } from './answer.ts'
import { colours, noColours } from './colours.ts'
import { findDiff, renderDiff } from './diff.ts'
import { toCount, toDuration } from './numbers.ts'
import { createControlStripper, stripControls } from './strip-controls.ts'
import { renderTable } from './table.ts'
import { createTerminal } from './terminal.ts'
import { renderFinishedCall, toToolLabel } from './tool-call.ts'
import { makeVisible, makeVisibleWithoutPadding, toOneLine } from './visible.ts'

// oxlint-disable-next-line no-control-regex -- what must never be shown
const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/

/** Text as an attacker would write it: pieces of escape sequences among words. */
const hostilePiece = fc.oneof(
  fc.constantFrom(
    '\x1b',
    '\x1b[',
    '\x1b]',
    '\x1bP',
    '\x9b',
    '\x9d',
    '\x90',
    '\x9c',
    '\x07',
    '\\',
    '\x1b\\',
    '31m',
    ';',
    '2J',
  ),
  fc.constantFrom(
    '\n',
    '\t',
    '\r',
    '\0',
    '\x08',
    '\u202e',
    '\u2066',
    'm',
    'A',
    '0',
    ' ',
    '(',
    '#8',
    'wörd',
    '😀',
    '\ud83d',
    '\ude00',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
)
const hostile = fc.array(hostilePiece, { maxLength: 40 })

const count = (text: string, character: string): number => text.split(character).length - 1

test('what a terminal would obey is taken out, known sequences whole', async (t) => {
  const cases: [string, string][] = [
    ['plain\ttext\nüñí 😀', 'plain\ttext\nüñí 😀'],
    ['a\x1b[31;1mred\x1b[0m', 'ared'],
    ['\x1b]0;title\x07b', 'b'],
    ['\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\', 'link'],
    ['\x1b]52;c;ZXZpbA==\x07c', 'c'],
    ['\x1bPq#0\x1b\\d', 'd'],
    ['\x9b2Je\x9d0;x\x9cf', 'ef'],
    ['\x1b(B\x1b=\x1b7g', 'g'],
    ['a\rb\r\nc', 'ab\nc'],
    ['\x1b[12', ''],
    ['\x1b]never ends\nbut the next line is shown', '\nbut the next line is shown'],
    [`\x1b[${'1'.repeat(100)}visible`, `${'1'.repeat(36)}visible`],
    ['\x1b[3\x1b[31mx', 'x'],
    ['abc\u202edef\u2066ghi', 'abcdefghi'],
  ]
  for (const [text, shown] of cases) t.equal(stripControls(text), shown, JSON.stringify(text))
})

test('nothing obeyed is left, however the text is cut, and no line is lost', async () => {
  fc.assert(
    fc.property(hostile, (given) => {
      // Half a character at the very end waits for its other half.
      const pieces = [...given, '\n']
      const stripper = createControlStripper()
      const shown = pieces.map((piece) => stripper.push(piece)).join('')
      const text = pieces.join('')
      assert.doesNotMatch(shown, obeyed)
      assert.equal(shown, stripControls(text), 'cutting changes nothing')
      assert.equal(count(shown, '\n'), count(text, '\n'))
      assert.equal(stripControls(shown), shown, 'once is enough')
    }),
    { numRuns: 3_000 },
  )
})

test('text that is harmless is shown as it is', async () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      fc.pre(!obeyed.test(text))
      assert.equal(stripControls(text), text)
    }),
  )
})

test('what is asked about hides nothing: invisible characters are written out', async (t) => {
  t.equal(makeVisible('rm\x1b[2K\r-rf\u202e/\u200b\u00a0x\t\n'), 'rm\\x1b[2K\\r-rf\\u{202e}/\\u{200b}\\xa0x\t\n')
  t.equal(makeVisible('\u{e0041}'), '\\u{e0041}')
  fc.assert(
    fc.property(hostile, (pieces) => {
      const visible = makeVisible(pieces.join(''))
      assert.doesNotMatch(visible, obeyed)
      assert.equal(makeVisible(visible), visible)
    }),
  )
})

test('padding cannot push a command out of view', async (t) => {
  const shown = makeVisibleWithoutPadding(`echo ok${' '.repeat(500)}; rm -r ~${'\n'.repeat(300)}curl evil`)
  t.equal(shown, 'echo ok [500 spaces] ; rm -r ~\n[299 empty lines]\ncurl evil')
  t.equal(makeVisibleWithoutPadding('a\n\nb    c'), 'a\n\nb    c')
})

test('one line is one line', async (t) => {
  t.equal(toOneLine('  npm test  ', 20), 'npm test')
  t.equal(toOneLine('a\r\nb', 20), 'a …')
  t.equal(toOneLine('x'.repeat(30), 10), `${'x'.repeat(9)}…`)
  t.equal(toOneLine('', 10), '')
})

test('a call is named by what it is about', async (t) => {
  t.equal(toToolLabel('Shell', { command: 'ls' }), 'Shell ls')
  t.equal(toToolLabel('Edit', { old_string: 'x', file_path: 'a.ts' }), 'Edit a.ts')
  t.equal(toToolLabel('jira_search', { limit: 3, query: 'open' }), 'jira_search open')
  t.equal(toToolLabel('GetWorkingDirectory', {}), 'GetWorkingDirectory')
})

test('a result may be any JSON, and unknown outcomes are errors', async (t) => {
  const line = (finished: Record<string, unknown>): string =>
    renderFinishedCall('X', finished, { colours: noColours, columns: 0 })
  t.equal(line({ status: 'success' }), '● X  ok\n')
  t.equal(line({ status: 'odd', result: { message: 'why' } }), '● X  error: why\n')
  t.equal(line({ status: 'timeout', result: 7, duration_ms: 120_000 }), '● X  timed out 2 min 0 s: 7\n')
  t.equal(line({ status: 'interrupted', result: null }), '● X  interrupted\n')
})

test('a diff is found where it is, and a long one is cut and counted', async (t) => {
  t.equal(findDiff({ diff: '+a' }, ''), '+a')
  t.equal(findDiff(undefined, 'Wrote a.\n```diff\n+a\n```\n'), '+a\n')
  t.equal(findDiff({ other: 1 }, 'text'), undefined)
  const long = Array.from({ length: 1_000 }, (_, line) => `+${line}`).join('\n')
  const lines = renderDiff(long, { colours: noColours, columns: 0 }).trimEnd().split('\n')
  t.equal(lines.length, 401)
  t.equal(lines.at(-1), '  [600 more lines]')
})

test('a diff has the numbers of the file, and goes on below itself where a line is too long', async (t) => {
  const diff =
    '--- a\n+++ b\n@@ -8,3 +8,4 @@ function f\n same\n-old\n+new\n+more\n last\n@@ -200 +201 @@\n-x\n\\ No newline at end of file\n'
  const plain = { colours: noColours, columns: 0 }
  t.equal(
    renderDiff(diff, plain),
    [
      '  ⋯ function f',
      '    8  same',
      '    9 -old',
      '    9 +new',
      '   10 +more',
      '   11  last',
      '  ⋯',
      '  200 -x',
      '',
    ].join('\n') + '      \\ No newline at end of file\n',
  )
  t.equal(
    renderDiff('@@ -1 +1 @@\n+\tabcdefghijklmnop\n', { colours: noColours, columns: 20 }),
    '  1 +    abcdefghij\n     klmnop\n',
  )
  t.equal(renderDiff('+長い話', { colours: noColours, columns: 8 }), '  +長い\n   話\n')
  t.equal(
    renderDiff('+a\n', { colours, columns: 80 }),
    `  ${colours.dim('')}${colours.green('+')}${colours.green('a')}\n`,
  )
})

test('no diff loses a character or is wider than its terminal', async () => {
  const line = fc
    .tuple(fc.constantFrom('+', '-', ' '), fc.string({ unit: 'grapheme-ascii', maxLength: 60 }))
    .map((parts) => parts.join(''))
  fc.assert(
    fc.property(fc.array(line, { minLength: 1, maxLength: 20 }), fc.integer({ min: 16, max: 90 }), (lines, columns) => {
      const diff = `@@ -1,9 +1,9 @@\n${lines.join('\n')}\n`
      const shown = renderDiff(diff, { colours: noColours, columns })
      for (const row of shown.split('\n')) assert.ok(row.length <= columns)
      const letters = (text: string): string => text.replaceAll(/[^a-z]/gi, '')
      assert.equal(letters(shown), letters(lines.join('')))
    }),
  )
})

test('a call keeps to one line with its outcome on it, and a long reason stands below', async (t) => {
  const screen = { colours: noColours, columns: 40 }
  const long = `Shell ${'x'.repeat(100)}`
  const ok = renderFinishedCall(long, { status: 'success', duration_ms: 1_200 }, screen)
  t.match(ok, /^● Shell x+… {2}ok 1\.2 s\n$/)
  t.ok(ok.length <= 40)
  const reason = 'The command ended with exit code 1 after it had said nothing at all'
  t.equal(
    renderFinishedCall('Shell x', { status: 'error', result: reason }, screen),
    '● Shell x  error\n  The command ended with exit code 1\n  after it had said nothing at all\n',
  )
  t.equal(renderFinishedCall('Shell x', { status: 'error', result: 'no' }, screen), '● Shell x  error: no\n')
})

test('a table is aligned by what is seen, and its last column ends where the terminal does (CL-06)', async (t) => {
  const rows = [
    ['長い', 'a', 'what it is about, at length'],
    ['b', 'cc', 'x'],
  ]
  t.equal(renderTable(rows), '長い  a   what it is about, at length\nb     cc  x\n')
  t.equal(renderTable(rows, 24), '長い  a   what it is ab…\nb     cc  x\n')
  t.equal(renderTable(rows, 10), renderTable(rows), 'where there is no room the terminal breaks the line')
})

test('numbers are written for people', async (t) => {
  t.same([0, 999, 1_000, 1_234_567].map(toCount), ['0', '999', '1,000', '1,234,567'])
  t.same([3.4, 994, 1_234, 99_900, 200_000].map(toDuration), ['3 ms', '994 ms', '1.2 s', '99.9 s', '3 min 20 s'])
})

test('however an answer is cut and wherever watching began, it is on the screen in the end', async () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'grapheme', minLength: 1 })), fc.nat({ max: 10 }), (pieces, missed) => {
      const answer = createAnswer()
      const deltas = pieces
        .slice(missed)
        .map((piece) => answer.delta(piece))
        .join('')
      const { text, restarted } = answer.finish(pieces.join(''))
      const shown = restarted ? text : deltas + text
      assert.equal(shown, stripControls(pieces.join('')))
    }),
  )
})

function openTerminal(isTTY: boolean, environment: Record<string, string> = {}, columns = 80) {
  let written = ''
  const stream = { isTTY, columns, write: (text: string) => void (written += text) }
  return { terminal: createTerminal({ stdout: () => stream, stderr: () => stream, environment }), read: () => written }
}

test('colour only on a terminal that wants it (CL-05, CL-06)', async (t) => {
  const red = (isTTY: boolean, environment: Record<string, string>): string =>
    openTerminal(isTTY, environment).terminal.colours.red('x')
  t.equal(red(true, { TERM: 'xterm' }), '\x1b[31mx\x1b[39m')
  t.equal(red(true, { TERM: 'xterm', NO_COLOR: '1' }), 'x')
  t.equal(red(true, { TERM: 'dumb' }), 'x')
  t.equal(red(false, { TERM: 'xterm' }), 'x')
})

test('the status line gives way to output, fits its terminal, and is nowhere else', async (t) => {
  const { terminal, read } = openTerminal(true, { NO_COLOR: '1' }, 30)
  terminal.status(`… Shell ${'x'.repeat(100)}`)
  terminal.flush()
  terminal.print('● Shell ok\n')
  terminal.flush()
  terminal.status('')
  terminal.flush()
  const bar = `… Shell ${'x'.repeat(20)}…`
  t.equal(read(), `${bar}\r\x1b[K● Shell ok\n${bar}\r\x1b[K`)
  for (const [isTTY, environment, columns] of [
    [false, {}, 80],
    [true, { TERM: 'dumb' }, 80],
    [true, {}, 0],
    [true, {}, 10],
  ] as const) {
    const plain = openTerminal(isTTY, environment, columns)
    plain.terminal.status('busy')
    plain.terminal.flush()
    t.equal(plain.read(), '')
  }
})

test('output is kept back while a question is on the screen, and not for ever', async (t) => {
  const { terminal, read } = openTerminal(true)
  terminal.print('partial')
  terminal.hold()
  terminal.print(' more')
  terminal.flush()
  terminal.ask('May it? ')
  t.equal(read(), 'partial\nMay it? ')
  terminal.release()
  t.equal(read(), 'partial\nMay it?  more')
  terminal.hold()
  terminal.print('x'.repeat(5_000_000))
  terminal.flush()
  t.ok(read().length > 5_000_000)
})
