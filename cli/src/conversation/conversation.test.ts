import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { test } from 'tap'
import { limits } from '#limits'
import { createDecoder } from './decode-keys.ts'
import type { Key } from './decode-keys.ts'
import { emptyDraft, erase, insertPaste, insertText, move, toDraft, toText } from './draft.ts'
import type { Draft, Motion } from './draft.ts'
import { drawDraft, drawDraftEnd } from './draw-draft.ts'
import { createEditor } from './editor.ts'
import type { Pressed } from './editor.ts'
import { openHistory } from './history.ts'
import { completeEntered, readEntered } from './slash.ts'
import { slashCommands } from './slash-commands.ts'
import { createPasteSplitter } from './split-paste.ts'

const names = Object.keys(slashCommands)
const printable = fc.string({ unit: 'grapheme', maxLength: 30 }).map((text) => text.replaceAll(/\p{Cc}/gu, ''))
const lines = fc.array(printable, { minLength: 1, maxLength: 12 }).map((all) => all.join('\n'))

/** The same text in pieces, as a terminal may send it. */
function cutAt(text: string, places: readonly number[]): string[] {
  const cuts = places.map((place) => place % (text.length + 1)).toSorted((a, b) => a - b)
  return [...cuts, text.length].map((until, index) => text.slice(cuts[index - 1] ?? 0, until)).filter(Boolean)
}

test('a marked paste is one piece wherever it is cut, and no line end in it is a key (CL-11)', async (t) => {
  const stream = fc.array(fc.record({ isPaste: fc.boolean(), text: lines.filter((text) => text !== '') }), {
    maxLength: 6,
  })
  fc.assert(
    fc.property(stream, fc.array(fc.nat(), { maxLength: 8 }), (parts, places) => {
      const sent = parts
        .map(({ isPaste, text }) => (isPaste ? `\x1b[200~${text}\x1b[201~` : text.replaceAll('\n', '')))
        .join('')
      const splitter = createPasteSplitter()
      const pieces = cutAt(sent, places).flatMap((chunk) => splitter.push(chunk))
      t.same(
        pieces.filter(({ kind }) => kind === 'paste').map(({ text }) => text),
        parts.filter(({ isPaste }) => isPaste).map(({ text }) => text),
      )
      const keys = parts.filter(({ isPaste }) => !isPaste).map(({ text }) => text.replaceAll('\n', ''))
      t.equal(
        pieces
          .filter(({ kind }) => kind === 'keys')
          .map(({ text }) => text)
          .join(''),
        keys.join(''),
      )
    }),
  )
  t.same(
    createPasteSplitter().push('one\rtwo\r'),
    [{ kind: 'paste', text: 'one\rtwo\r' }],
    'and so are lines that come at once',
  )
  t.same(createPasteSplitter().push('one\r'), [{ kind: 'keys', text: 'one\r' }])
  const endless = createPasteSplitter()
  endless.push('\x1b[200~never ends')
  t.same(endless.push('\x03'), [{ kind: 'keys', text: '\x03' }], 'a paste that never ends gives the keyboard back')
})

/** An editor at the end of a terminal's line. */
function openEditor(entries: string[] = []) {
  const editor = createEditor({
    entries,
    complete: (text) => completeEntered(text, { mode: ['ask', 'auto'], model: [] }),
  })
  const pressed: Pressed[] = []
  const decode = createDecoder((key: Key) => pressed.push(editor.press(key)))
  const entered = (): string[] => pressed.flatMap((one) => (one.kind === 'entered' ? [one.text] : []))
  return { editor, decode, pressed, entered, text: () => toText(editor.draft) }
}

test('whatever is typed and pasted before Enter is one message, with its lines (CL-11)', async (t) => {
  const newline = fc.constantFrom('\n', '\\\r', '\x1b\r')
  const words = printable.filter((text) => !text.endsWith('\\') && text.trim() === text)
  fc.assert(
    fc.property(fc.array(words, { minLength: 1, maxLength: 5 }), newline, lines, (typed, end, pasted) => {
      const { decode, entered } = openEditor()
      for (const [index, text] of typed.entries()) {
        // An accent alone would join what stands before it.
        for (const character of text) decode(character)
        if (index < typed.length - 1) for (const key of end === '\\\r' ? ['\\', '\r'] : [end]) decode(key)
      }
      decode(`\x1b[200~${pasted}\x1b[201~`)
      t.same(entered(), [])
      decode('\r')
      t.same(entered(), [`${typed.join('\n')}${pasted}`])
    }),
  )
})

test('keys edit the message, walk through the history and complete commands', async (t) => {
  const keys = (sent: string[], entries?: string[]): string => {
    const { decode, text } = openEditor(entries)
    for (const key of sent) decode(key)
    return text()
  }
  const cases: [string[], string, string[]?][] = [
    [['one two', '\x01', 'X'], 'Xone two'],
    [['one two', '\x17', 'three'], 'one three'],
    [['one two', '\x15', 'x', '\x19'], 'xone two'],
    [['one two', '\x1bb', '\x0b'], 'one '],
    [['one', '\x1b[D', '\x1b[D', '\x1b[3~'], 'oe'],
    [['e\u0301x', '\x7f', '\x7f'], ''],
    [['draft', '\x1b[A', '\x1b[A', '\x1b[B', '\x1b[B'], 'draft', ['old', 'newer']],
    [['\x1b[A', '\x1b[A', '\x1b[A'], 'old\nlines', ['old\nlines', 'newer']],
    [['a\\', '\r', 'b', '\x1b[A', 'X'], 'aX\nb', ['old']],
    [['/mo', '\t'], '/mode'],
    [['/mode', ' a', '\t'], '/mode a'],
    [['/mode au', '\t'], '/mode auto '],
    [['no/mo', '\t'], 'no/mo'],
    [['\x1b[99~', '\x1bq', '\x07', 'ok'], 'ok'],
  ]
  for (const [sent, expected, entries] of cases) t.equal(keys(sent, entries), expected, JSON.stringify(sent))
  const { decode, pressed } = openEditor()
  for (const key of ['\x04', '\x03', '\x1a', '/mode', '\t']) decode(key)
  t.match(
    pressed.filter(({ kind }) => kind !== 'changed'),
    [{ kind: 'end' }, { kind: 'interrupt' }, { kind: 'suspend' }, { kind: 'listed', words: ['mode', 'model'] }],
  )
})

const motions: Motion[] = ['left', 'right', 'word-left', 'word-right', 'line-start', 'line-end', 'line-up', 'line-down']
const change = fc.oneof(
  fc.record({ by: fc.constant('type' as const), text: lines }),
  fc.record({ by: fc.constant('paste' as const), text: fc.string({ unit: 'binary', maxLength: 3_000 }) }),
  fc.record({ by: fc.constantFrom('move' as const, 'erase' as const), motion: fc.constantFrom(...motions) }),
)
const draft = fc.array(change, { maxLength: 12 }).map((changes) =>
  changes.reduce<Draft>((now, one) => {
    if (one.by === 'type') return insertText(now, one.text)
    if (one.by === 'paste') return insertPaste(now, one.text)
    return one.by === 'move' ? move(now, one.motion) : erase(now, one.motion)
  }, emptyDraft),
)

test('any draft fits its screen, hides nothing a terminal would obey, and can be sent', async (t) => {
  // oxlint-disable-next-line no-control-regex -- this is what may not be there
  const obeyed = /[\x00-\x1f\x7f-\x9f\u202a-\u202e]/
  fc.assert(
    fc.property(
      draft,
      fc.integer({ min: 1, max: 200 }),
      fc.integer({ min: 1, max: 30 }),
      (written, columns, rowsMax) => {
        const { rows, cursor } = drawDraft(written, { prompt: '> ', columns, rowsMax })
        t.ok(rows.length >= 1 && rows.length <= rowsMax)
        t.ok(cursor.row >= 0 && cursor.row < rows.length)
        t.ok(cursor.column <= Math.max(columns - 1, 4))
        for (const row of rows) t.notMatch(row, obeyed)
        t.notMatch(drawDraftEnd(written, columns), obeyed)
        const text = toText(written)
        t.ok(text.isWellFormed())
        t.notMatch(text.replaceAll(/[\n\t]/g, ''), /\p{Cc}/u)
        t.equal(toText(toDraft(text)), text)
      },
    ),
  )
  const { rows, cursor } = drawDraft(toDraft('日本語 text\nnext'), { prompt: '> ', columns: 8, rowsMax: 9 })
  t.same(rows, ['> 日本', '  語 te', '  xt', '  next'])
  t.same(cursor, { row: 3, column: 6 })
  const pasted = insertPaste(toDraft('see '), 'x\n'.repeat(312))
  t.same(drawDraft(pasted, { prompt: '> ', columns: 80, rowsMax: 9 }).rows, ['> see [pasted 312 lines]'])
  t.equal(toText(pasted), `see ${'x\n'.repeat(312)}`, 'and it is sent whole')
})

test('only a slash and a word is a command; all else is sent as it is (CL-11)', async (t) => {
  const messages = [
    '/etc/hosts is wrong',
    '// a comment',
    '/',
    ' /status',
    '/x/y',
    '/tmp/',
    '/status\nmore',
    'say /help',
    '/1 of it',
    '/model: which?',
  ]
  for (const message of messages)
    t.same(readEntered(message, names), { kind: 'message', text: message.trim() }, JSON.stringify(message))
  t.same(readEntered('/MODE  read-only ', names), { kind: 'command', name: 'mode', argument: 'read-only' })
  t.match(readEntered('/stauts', names), {
    sentence: 'There is no /stauts; did you mean /status? To send it, put a space first.',
  })
  t.match(readEntered('/tmp is full', names), { kind: 'unknown', sentence: /There is no \/tmp; .*put a space first/ })
  t.match(readEntered('/constructor', names), { kind: 'unknown' })
  fc.assert(
    fc.property(
      fc.oneof(
        lines,
        printable.map((text) => `/${text}`),
      ),
      (text) => {
        const read = readEntered(text, names)
        if (read.kind === 'message') t.equal(read.text, text.trim())
        else t.match(text, /^\/[a-z-]+/i)
        if (read.kind === 'command') t.ok(names.includes(read.name))
        t.same(
          readEntered(` ${text}`, names),
          { kind: 'message', text: text.trim() },
          'behind a space everything is a message',
        )
      },
    ),
  )
})

test('the history is its owner’s alone, keeps entries whole, and is bounded', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'codegen-history-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'new', 'history')
  const faults: string[] = []
  const open = () => openHistory(path, (reason) => faults.push(reason))
  const history = open()
  for (const entry of ['one', 'one', 'two\nlines "quoted" ü\u2028', 'one', '']) history.add(entry)
  const kept = ['one', 'two\nlines "quoted" ü\u2028', 'one']
  t.same(open().entries, kept)
  t.equal((await stat(path)).mode & 0o777, 0o600)
  t.equal((await stat(join(folder, 'new'))).mode & 0o777, 0o700)

  await writeFile(path, `${await readFile(path, 'utf8')}not JSON\n{"a":1}\n"cut o`, { mode: 0o644 })
  t.same(open().entries, kept, 'what somebody else wrote is passed over')
  open().add('after a cut line')
  t.equal((await stat(path)).mode & 0o777, 0o600)

  history.add('y'.repeat(limits.historyEntryCharactersMax + 1))
  const long = 'z'.repeat(limits.historyEntryCharactersMax - 10)
  for (let number = 0; number < 20; number += 1) history.add(`${number}${long}`)
  t.ok((await stat(path)).size < limits.historyBytesMax + long.length * 2)
  t.ok((await stat(`${path}.old`)).size < limits.historyBytesMax + long.length * 2)
  t.equal(open().entries.at(-1), `19${long}`)
  t.same(faults, [])

  await rm(join(folder, 'new'), { recursive: true })
  await writeFile(join(folder, 'new'), 'a file where the folder was')
  history.add('lost')
  history.add('and lost')
  t.equal(faults.length, 1, 'that it cannot be kept is said once')
  t.equal(history.entries.at(-1), 'and lost')
})

test('terminals that write their history at the same time lose nothing of each other', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'codegen-history-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const path = join(folder, 'history')
  // Small enough that nothing falls out of the history, large enough that the file is replaced while they write.
  const program = `
    const { openHistory } = await import('#conversation/history')
    const history = openHistory(${JSON.stringify(path)}, (reason) => { throw new Error(reason) })
    for (let number = 0; number < 60; number += 1) history.add(process.argv[1] + number + '-'.repeat(3000))`
  const writers = ['a', 'b', 'c', 'd'].map((name) =>
    spawn(process.execPath, ['--conditions=codegen-source', '--input-type=module', '-e', program, name], {
      cwd: join(import.meta.dirname, '../..'),
      stdio: ['ignore', 'inherit', 'inherit'],
    }),
  )
  for (const [code] of await Promise.all(writers.map((writer) => once(writer, 'close')))) t.equal(code, 0)
  const { entries } = openHistory(path, (reason) => t.fail(reason))
  t.ok((await stat(`${path}.old`)).size > 0, 'a new file was begun meanwhile')
  t.equal(new Set(entries).size, 240)
})
