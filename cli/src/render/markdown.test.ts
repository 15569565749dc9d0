import assert from 'node:assert/strict'
import fc from 'fast-check'
import stringWidth from 'string-width'
import { test } from 'tap'
import { colours, noColours } from './colours.ts'
import { createMarkdown } from './markdown.ts'
import { createProse } from './prose.ts'
import { createTerminal } from './terminal.ts'

// oxlint-disable-next-line no-control-regex -- the colours
const paints = /\x1b\[(?:1|2|3|4|22|23|24|36|39)m/g
// oxlint-disable-next-line no-control-regex -- what must never be shown
const obeyed = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/

function render(pieces: readonly string[], columns = 80, painted = false): string {
  const markdown = createMarkdown(colours, () => columns)
  const shown = pieces.map((piece) => markdown.push(piece)).join('') + markdown.end()
  return painted ? shown : shown.replaceAll(paints, '')
}

const visible = (text: string): string => text.replaceAll(/[^\p{L}\p{N}]/gu, '')

/** Marks in any order among words that are all different, so that none can be lost or come twice unseen. */
const marks = [
  '*',
  '**',
  '***',
  '_',
  '__',
  '`',
  '``',
  '```',
  '```ts\n',
  '~~~',
  '[',
  ']',
  '](',
  ')',
  '\\',
  '|',
  '\n|',
  '|---|',
]
const breaks = [
  '\n',
  '\n\n',
  ' ',
  '  ',
  '\n- ',
  '\n* ',
  '\n2. ',
  '\n# ',
  '\n> ',
  '\n---\n',
  '    ',
  '\t',
  '!',
  '<b>',
  'é',
  '長い',
  '👩‍👩‍👧',
]
const soup = fc
  .array(fc.oneof(fc.constantFrom(...marks, ...breaks), fc.constant('word')), { maxLength: 60 })
  .map((parts) => parts.map((part, index) => (part === 'word' ? `w${index}x` : part)).join(''))

test('headings, emphasis, code, links, lists, quotes and rules are shown as they are meant', async (t) => {
  const { bold, italic, cyan, underline, dim } = colours
  const cases: [string, string][] = [
    ['# Head', bold('Head')],
    ['a **b** *c* `d`', `a ${bold('b')} ${italic('c')} ${cyan('d')}`],
    ['***both***', italic(bold('both'))],
    ['[docs](https://x.y)', `${underline('docs')} ${dim('(https://x.y)')}`],
    ['- one', '• one'],
    ['12. one', '12. one'],
    ['> said', `${dim('│ ')}said`],
    ['---', dim('─'.repeat(20))],
    ['- [x] done', '• [x] done'],
    ['```js\n**a**\n```', `${dim('```js')}\n**a**\n${dim('```')}`],
  ]
  for (const [text, shown] of cases) t.equal(render([text], 80, true), shown, text)
})

test('what marks nothing is shown as it is', async (t) => {
  for (const text of [
    '2 * 3 * 4',
    'a_b_c',
    '**open',
    '`open',
    '[a] (b)',
    '#hash',
    '1.5',
    '* * a',
    '-5',
    'C:\\dir',
    'a | b',
  ])
    t.equal(render([text]), text === '* * a' ? '• * a' : text)
})

test('a line grows word by word, and a mark waits only for its end', async (t) => {
  const { push, end } = createMarkdown(colours, () => 80)
  t.equal(push('The answer'), 'The answer')
  t.equal(push(' is'), ' is')
  t.equal(push(' **for'), '')
  t.equal(push('ty** '), ` ${colours.bold('forty')}`)
  t.equal(push('two'), ' two')
  t.equal(end(), '')
})

test('prose is broken between words with a hanging indent, code is not', async (t) => {
  const words = 'alpha beta gamma delta'
  t.equal(render([`- ${words}`], 20), '• alpha beta gamma\n  delta')
  t.equal(render([`> ${words}`], 20), '│ alpha beta gamma\n│ delta')
  t.equal(render([`\`\`\`\n${words} ${words}\n\`\`\``], 20), `\`\`\`\n${words} ${words}\n\`\`\``)
  t.equal(render(['x'.repeat(45)], 21), `${'x'.repeat(20)}\n${'x'.repeat(20)}\nxxxxx`)
  t.equal(render([`${words} ${words}`], 10), `${words} ${words}`, 'a terminal too narrow breaks its lines itself')
})

test('a table is aligned by columns, and one that does not fit is shown as it is written', async (t) => {
  const table = '| name | n |\n|---|--:|\n| 長い | 1 |\n| `a` | 1,200 |\n'
  t.equal(render([table]), 'name      n\n────  ─────\n長い      1\na     1,200\n')
  t.equal(render(['| a | b |\nno table']), '| a | b |\nno table')
  const wide = `| ${'x'.repeat(30)} |\n|---|\n`
  t.equal(visible(render([wide], 25)), 'x'.repeat(30))
})

test('whatever a model writes and however it comes, no word is lost and nothing is added but colours', async () => {
  fc.assert(
    fc.property(soup, fc.integer({ min: 0, max: 120 }), fc.integer({ min: 1, max: 7 }), (text, columns, step) => {
      const pieces = text.match(new RegExp(`[^]{1,${step}}`, 'gu')) ?? []
      const cut = render(pieces, columns)
      assert.doesNotMatch(cut, obeyed)
      assert.equal(visible(cut), visible(text))
      assert.equal(visible(render([text], columns)), visible(text))
      // A character that is joined from several and comes in pieces is as wide as these: a line may then break elsewhere, and a quotation's margin with it.
      const isJoined = text.includes('\u200d')
      if (text.length < 80 && !isJoined)
        assert.equal(cut.replaceAll(/\s/g, ''), render([text], columns).replaceAll(/\s/g, ''))
    }),
    { numRuns: 2_000 },
  )
})

test('no line of prose is wider than the terminal', async (t) => {
  for (const line of render(['> ***\n'], 20).split('\n')) t.ok(stringWidth(line) <= 20, 'a rule in a quotation')
  const prose = soup.map((text) => text.replaceAll(/[`~|]/g, ''))
  fc.assert(
    fc.property(prose, fc.integer({ min: 20, max: 120 }), (text, columns) => {
      for (const line of render([text], columns).split('\n'))
        assert.ok(stringWidth(line) <= columns, JSON.stringify(line))
    }),
    { numRuns: 1_000 },
  )
})

test('no more is held than a mark may wait for, so a piece costs the same however long its line is', async (t) => {
  for (const unit of ['*a ', '[a', '`a', '**a_b', 'a\\', '> ', '- ', '_a*b`c[d](', 'ab', '```', '長']) {
    const { push } = createMarkdown(colours, () => 80)
    let [given, shown] = [0, 0]
    let heldMax = 0
    for (const character of unit.repeat(1_500)) {
      given += visible(character).length
      shown += visible(push(character).replaceAll(paints, '')).length
      heldMax = Math.max(heldMax, given - shown)
    }
    t.ok(heldMax <= 400, `${unit}: ${heldMax}`)
    t.equal(visible(render([unit.repeat(50_000)])).length, visible(unit).length * 50_000)
  }
})

test('without colours the answer is what the model wrote (CL-05, CL-06)', async () => {
  const stream = { isTTY: false, columns: 80, write: () => undefined }
  const terminal = createTerminal({ stdout: () => stream, stderr: () => stream, environment: {} })
  assert.equal(terminal.colours, noColours)
  fc.assert(
    fc.property(fc.array(soup), (pieces) => {
      const prose = createProse(terminal)
      assert.equal(pieces.map((piece) => prose.push(piece)).join('') + prose.end(), pieces.join(''))
    }),
  )
})
