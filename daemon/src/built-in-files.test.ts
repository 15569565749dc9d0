import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Tool } from '@codegen/kit'
import { createHarness } from '@codegen/kit/harness'
import { Failure } from '@codegen/protocol/failure'
import type { FailureCode } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { createFiles } from '#hands/files'
import { createRunFilesMemory } from '#hands/run-files-memory'
import { builtInPlugins } from './built-in.ts'
import { bytesReadBy } from '#hands/test-bytes-read'

const tools = await loadTools()

test('ReadFile shows numbered lines and says how much there is', async (t) => {
  const { call } = workspace(t, { 'src/a.ts': 'one\n\n\ttwo\n' })
  t.equal(await call.read({ file_path: 'src/a.ts' }), 'src/a.ts: 3 lines, 10 bytes.\n1\tone\n2\t\n3\t\ttwo')
})

test('ReadFile shows 2,000 lines at most and where to go on', async (t) => {
  const { call } = workspace(t, { long: Array.from({ length: 4_500 }, (_, index) => `line ${index + 1}\n`).join('') })
  const first = await call.read({ file_path: 'long' })
  t.match(first, /^long: 4,500 lines, 43,893 bytes; lines 1 to 2000 shown, go on with offset 2001\.\n1\tline 1\n/)
  t.match(first, /\n2000\tline 2000$/)
  const last = await call.read({ file_path: 'long', offset: 4_499 })
  t.equal(last, 'long: 4,500 lines, 43,893 bytes; lines 4499 to 4500 shown.\n4499\tline 4499\n4500\tline 4500')
  t.match(
    await call.read({ file_path: 'long', offset: 10, limit: 1 }),
    /lines 10 to 10 shown, go on with offset 11\.\n10\tline 10$/,
  )
  t.match(await call.read({ file_path: 'long', offset: 4_501 }), /There is no line 4501: the last is 4500\.$/)
})

test('ReadFile shows whole lines within its bound, a long line cut and said so', async (t) => {
  const { call } = workspace(t, { wide: `${'x'.repeat(1_000)}\n`.repeat(500), line: `a\n${'é'.repeat(5_000)}\nb` })
  const wide = await call.read({ file_path: 'wide' })
  t.ok(wide.length <= limits.toolResultCharactersMax, 'no later bound cuts it again')
  const [, last = ''] = /lines 1 to (\d+) shown, go on with offset \d+\.\n/.exec(wide) ?? []
  t.match(await call.read({ file_path: 'wide', offset: Number(last) + 1 }), new RegExp(`lines ${Number(last) + 1} to `))
  t.ok(wide.endsWith(`\n${last}\t${'x'.repeat(1_000)}`))
  t.match(
    await call.read({ file_path: 'line' }),
    /no line end at the end\.\n1\ta\n2\té{2000} \[line cut: the first 2,000 characters of 5,000 characters shown\]\n3\tb$/,
  )
})

test('ReadFile has a sentence for an empty file', async (t) => {
  const { call } = workspace(t, { empty: '', mark: Buffer.from([0xef, 0xbb, 0xbf]) })
  t.equal(await call.read({ file_path: 'empty' }), 'empty is empty (0 bytes).')
  t.match(await call.read({ file_path: 'mark' }), /nothing in it but a byte order mark/)
})

test('ReadFile reads each encoding right and says what is unusual (FT-16)', async (t) => {
  const { call } = workspace(t, {
    'utf-16': Buffer.from('\ufeffGrüße\r\n', 'utf16le'),
    'utf-16-plain': Buffer.from('no mark here\n', 'utf16le').swap16(),
    latin: Buffer.from('Gr\u00fc\u00dfe\n', 'latin1'),
    bom: '\ufeffhello\n',
    mixed: 'a\r\nb\n',
    cut: Buffer.from('Grüße 世界 🙂\n').subarray(0, -3),
  })
  t.match(await call.read({ file_path: 'utf-16' }), /UTF-16 LE with a byte order mark, CRLF line ends\.\n1\tGrüße$/)
  t.match(await call.read({ file_path: 'utf-16-plain' }), /UTF-16 BE\.\n1\tno mark here$/)
  t.match(await call.read({ file_path: 'latin' }), /Latin-1\.\n1\tGrüße$/)
  t.match(await call.read({ file_path: 'bom' }), /UTF-8 with a byte order mark\.\n1\thello$/)
  t.match(await call.read({ file_path: 'mixed' }), /LF and CRLF line ends mixed\.\n1\ta\n2\tb$/)
  t.match(
    await call.read({ file_path: 'cut' }),
    /UTF-8 with stray bytes, no line end at the end\.\n1\tGrüße 世界 \ufffd+$/,
  )
})

test('ReadFile refuses what is no text, at once and with what to do', async (t) => {
  const { root, call } = workspace(t, {
    'a.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 1]),
    'huge.log': 'a line\n'.repeat(20_000),
  })
  execFileSync('mkfifo', [join(root, 'fifo')])
  truncateSync(join(root, 'huge.log'), 5_000_000_000)
  writeFileSync(join(root, 'huge.bin'), Buffer.alloc(1_000))
  truncateSync(join(root, 'huge.bin'), 5_000_000_000)
  const refused = [
    ['a.png', 'file.binary', /a\.png is not text \(8 bytes\)/],
    ['huge.bin', 'file.binary', /5,000,000,000 bytes/],
    ['huge.log', 'file.too_big', /5,000,000,000 bytes.*sed/],
    ['fifo', 'file.not_regular', /is a FIFO/],
    ['.', 'file.not_regular', /is a folder/],
    ['/dev/zero', 'file.outside_workspace', /leads out of the project/],
  ] as const
  for (const [file_path, code, message] of refused) {
    const read = await bytesReadBy(async () => {
      t.match(await failureOf(call.read({ file_path })), { code, message })
    })
    t.ok((read ?? 0) < 1_000_000, `${file_path} is not read for that: ${read} bytes`)
  }
})

test('ReadFile shows the beginning of one line of 200 MB, with its true size (FT-14)', async (t) => {
  const { root, call } = workspace(t, {})
  const path = join(root, 'line.json')
  writeFileSync(path, '[é'.repeat(40_000))
  execFileSync('sh', ['-c', 'head -c 200000000 /dev/zero | tr "\\0" x >> "$1"', 'sh', path])
  let text = ''
  const read = await bytesReadBy(async () => (text = await call.read({ file_path: 'line.json' })))
  t.ok((read ?? 0) < 1_000_000, `only its beginning is read: ${read} bytes`)
  t.match(
    text,
    /^line\.json: 200,120,000 bytes, too big to be read whole; .*\n1\t(\[é){1000} \[line cut: the first 2,000 characters of 200,120,000 bytes shown\]$/,
  )
})

test('ReadFile names what is near a path that does not exist', async (t) => {
  const { call } = workspace(t, { 'src/index.ts': '', 'src/other.ts': '' })
  t.match(await failureOf(call.read({ file_path: 'src/index.js' })), {
    code: 'file.not_found',
    message: /^src\/index\.js does not exist\. Near it: src\/index\.ts\.$/,
  })
  t.match(await failureOf(call.read({ file_path: '.codegen/plan.md' })), {
    code: 'file.not_found',
    message: /^\.codegen\/plan\.md does not exist\.$/,
  })
})

test('ReadFolder lists what a model needs to go on', async (t) => {
  const { root, call } = workspace(t, {
    'src/a.ts': '',
    'b.ts': '',
    '.gitignore': 'dist\n',
    'dist/x': '',
    'bad\nname': '',
  })
  symlinkSync('src', join(root, 'link'))
  t.equal(await call.folder({ dir_path: '.' }), '.: 5 entries.\n.gitignore\nb.ts\n"bad\\nname"\nlink -> src\nsrc/')
  t.equal(await call.folder({ dir_path: 'src', depth: 3 }), 'src: 1 entry.\na.ts')
  t.match(await call.folder({ dir_path: 'dist' }), /^dist: 1 entry\. The folder itself is named by \.gitignore\.\nx$/)
  mkdirSync(join(root, 'empty'))
  t.match(await call.folder({ dir_path: 'empty' }), /^empty: empty/)
  t.match(await failureOf(call.folder({ dir_path: 'b.ts' })), { code: 'file.bad_path' })
  t.match(await failureOf(call.folder({ dir_path: '..' })), { code: 'file.outside_workspace' })
})

test('ReadFolder shows 1,000 entries at most and says so', async (t) => {
  const tree = Object.fromEntries(
    Array.from({ length: 1_200 }, (_, index) => [`many/${String(index).padStart(4, '0')}`, '']),
  )
  const { call } = workspace(t, tree)
  const text = await call.folder({ dir_path: 'many' })
  t.match(text, /^many: 1,000 of 1,200 entries shown; /)
  t.equal(text.split('\n').length, 1_001)
  t.match(text, /\n0999$/)
})

test('ReadFolder shows as many long names as fit', async (t) => {
  const name = (index: number) => `many/${'x'.repeat(200)}${String(index).padStart(4, '0')}`
  const { call } = workspace(t, Object.fromEntries(Array.from({ length: 600 }, (_, index) => [name(index), ''])))
  const text = await call.folder({ dir_path: 'many' })
  t.ok(text.length <= limits.toolResultCharactersMax, 'no later bound cuts it again')
  t.match(text, new RegExp(`^many: ${text.split('\n').length - 1} of 600 entries shown; `))
})

test('GetWorkingDirectory says the folder of the call', async (t) => {
  const { root, call } = workspace(t, {})
  t.equal(await call.where({}), root)
})

test('WriteFile creates a file with its folders and answers with the diff', async (t) => {
  const { root, call } = workspace(t, {})
  t.equal(
    await call.write({ file_path: 'src/new/a.ts', content: 'one\ntwo' }),
    'Created src/new/a.ts: 2 lines, 7 bytes.\n@@ -0,0 +1,2 @@\n+one\n+two\n\\ No newline at end of file',
  )
  t.equal(readFileSync(join(root, 'src/new/a.ts'), 'utf8'), 'one\ntwo')
  t.equal(await call.write({ file_path: 'empty', content: '' }), 'Created empty: 0 lines, 0 bytes.')
})

test('WriteFile keeps encoding, byte order mark, line ends and mode (FT-16, FT-18)', async (t) => {
  const { root, call } = workspace(t, {
    crlf: 'a\r\nb\r\n',
    bom: '\ufeffa\n',
    'utf-16': Buffer.from('\ufeffa\r\n', 'utf16le'),
    latin: Buffer.from('\u00e9\n', 'latin1'),
  })
  chmodSync(join(root, 'crlf'), 0o750)
  t.match(
    await call.write({ file_path: 'crlf', content: 'a\nc\n' }),
    /^Replaced crlf: \+1 -1 lines; now 2 lines, 6 bytes, before 6 bytes\. Kept: CRLF line ends\.\n@@.*\n a\n-b\n\+c$/,
  )
  t.equal(readFileSync(join(root, 'crlf'), 'utf8'), 'a\r\nc\r\n')
  t.equal(statSync(join(root, 'crlf')).mode & 0o777, 0o750)
  await call.write({ file_path: 'bom', content: 'b\n' })
  t.equal(readFileSync(join(root, 'bom'), 'utf8'), '\ufeffb\n')
  await call.write({ file_path: 'utf-16', content: 'ü\n' })
  t.same(readFileSync(join(root, 'utf-16')), Buffer.from('\ufeffü\r\n', 'utf16le'))
  await call.write({ file_path: 'latin', content: 'ü\n' })
  t.same(readFileSync(join(root, 'latin')), Buffer.from('\u00fc\n', 'latin1'))
  t.match(
    await call.write({ file_path: 'latin', content: '→\n' }),
    /It is UTF-8 now: Latin-1 has no place for some of the characters\./,
  )
  t.equal(readFileSync(join(root, 'latin'), 'utf8'), '→\n')
  await call.write({ file_path: 'crlf', content: 'own\r\nends\n' })
  t.equal(
    readFileSync(join(root, 'crlf'), 'utf8'),
    'own\r\nends\n',
    'ends that the content brings are taken as they are',
  )
})

test('WriteFile leaves a file alone that changed since the run read it', async (t) => {
  const { root, call } = workspace(t, { 'a.txt': 'one\n', 'unread.txt': 'one\n' })
  await call.read({ file_path: 'a.txt' })
  writeFileSync(join(root, 'a.txt'), 'somebody else\n')
  const write = { file_path: 'a.txt', content: 'two\n' }
  t.match(await failureOf(call.write(write)), {
    code: 'file.changed',
    message: /^a\.txt changed since this run read it\. Read it again/,
  })
  t.match(await failureOf(call.write(write)), { code: 'file.changed' })
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'somebody else\n')
  await call.read({ file_path: 'a.txt' })
  await call.write(write)
  t.match(await call.write(write), /already has this content \(4 bytes\); nothing was written\.$/)
  await call.write({ ...write, content: 'three\n' })
  t.match(await call.write({ file_path: 'unread.txt', content: 'two\n' }), /^Replaced unread\.txt/)
})

test('WriteFile replaces what is no text, and no folder', async (t) => {
  const { root, call } = workspace(t, { bin: Buffer.alloc(100), 'folder/x': '' })
  t.equal(
    await call.write({ file_path: 'bin', content: 'text\n' }),
    'Replaced bin, which was no readable text (100 bytes): now 1 line, 5 bytes.\n@@ -0,0 +1,1 @@\n+text',
  )
  writeFileSync(join(root, 'huge'), '')
  truncateSync(join(root, 'huge'), 100_000_000)
  t.match(await call.write({ file_path: 'huge', content: 'text\n' }), /^Replaced huge, .*\(100,000,000 bytes\)/)
  t.match(await failureOf(call.write({ file_path: 'folder', content: 'x' })), { code: 'file.not_regular' })
})

test('WriteFile says when a name differs only in letter case or Unicode form (FT-26, FT-27)', async (t) => {
  const { root, call } = workspace(t, { 'docs/FILE.txt': '' })
  if (existsSync(join(root, 'docs/file.txt'))) return t.comment('this disk takes the two for one')
  t.match(
    await call.write({ file_path: 'docs/file.txt', content: 'x\n' }),
    /^Created .* Note: FILE\.txt is there too; on some disks the two names are one file\.\n/,
  )
  await call.write({ file_path: 'docs/é'.normalize('NFC'), content: 'x\n' })
  t.match(await call.write({ file_path: 'docs/é'.normalize('NFD'), content: 'x\n' }), /one file\./)
})

test('Edit replaces an exact piece and answers with the diff', async (t) => {
  const { root, call } = workspace(t, { 'a.ts': 'one\ntwo\nthree\n' })
  await call.read({ file_path: 'a.ts' })
  t.equal(
    await call.edit({ file_path: 'a.ts', old_string: 'two', new_string: "$& $1 $' 2" }),
    "Edited a.ts (21 bytes now): 1 replacement, +1 -1 lines.\n@@ -1,3 +1,3 @@\n one\n-two\n+$& $1 $' 2\n three",
  )
  t.equal(readFileSync(join(root, 'a.ts'), 'utf8'), "one\n$& $1 $' 2\nthree\n")
  await call.edit({ file_path: 'a.ts', old_string: 'three', new_string: 'four' })
})

test('Edit keeps every byte it does not replace (FT-16, FT-18)', async (t) => {
  const { root, call } = workspace(t, {
    crlf: 'a\r\nb\r\nc\r\nlast',
    mixed: 'a\r\nb\nc\r\n',
    bom: '\ufeffa\r\nb',
    'utf-16': Buffer.from('\ufeffa\r\nb\r\n', 'utf16le'),
    latin: Buffer.from('\u00e9 \u0093a\u0094\n', 'latin1'),
    damaged: Buffer.concat([Buffer.from('Grüße '), Buffer.from([0xff, 0xc3]), Buffer.from(' a\n')]),
  })
  const edits: [file: string, old: string, now: string, expected: Uint8Array | string][] = [
    ['crlf', 'a\nb\n', 'x\ny\nz\n', 'x\r\ny\r\nz\r\nc\r\nlast'],
    ['crlf', 'last', 'end\nof it', 'x\r\ny\r\nz\r\nc\r\nend\r\nof it'],
    ['mixed', 'b', 'b\nb', 'a\r\nb\nb\nc\r\n'],
    ['mixed', 'c\n', 'c\nc\n', 'a\r\nb\nb\nc\r\nc\r\n'],
    ['bom', 'a\nb', 'c\nd', '\ufeffc\r\nd'],
    ['utf-16', 'b', 'ü\n', Buffer.from('\ufeffa\r\nü\r\n\r\n', 'utf16le')],
    ['latin', 'a', 'ü', Buffer.from('\u00e9 \u0093\u00fc\u0094\n', 'latin1')],
    ['damaged', 'a', 'ß', Buffer.concat([Buffer.from('Grüße '), Buffer.from([0xff, 0xc3]), Buffer.from(' ß\n')])],
  ]
  for (const [file_path, old_string, new_string, expected] of edits) {
    await call.read({ file_path })
    await call.edit({ file_path, old_string, new_string })
    t.same(readFileSync(join(root, file_path)), Buffer.from(expected), `${file_path}: ${old_string}`)
  }
})

test('Edit replaces all when told to, and never what overlaps', async (t) => {
  const { root, call } = workspace(t, {
    'a.txt': 'aaaa a\n',
    'many.txt': 'a'.repeat(1_000),
    'more.txt': 'a'.repeat(100_001),
  })
  await call.read({ file_path: 'a.txt' })
  t.match(await failureOf(call.edit({ file_path: 'a.txt', old_string: 'aaa', new_string: 'b' })), {
    code: 'edit.many_matches',
  })
  t.match(
    await call.edit({ file_path: 'a.txt', old_string: 'aa', new_string: 'b', replace_all: true }),
    /: 2 replacements, /,
  )
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'bb a\n')
  await call.read({ file_path: 'many.txt' })
  const growing = { file_path: 'many.txt', old_string: 'a', new_string: 'b'.repeat(100_000), replace_all: true }
  t.match(await failureOf(call.edit(growing)), { code: 'file.too_big' })
  await call.read({ file_path: 'more.txt' })
  const endless = { file_path: 'more.txt', old_string: 'a', new_string: 'b', replace_all: true }
  t.match(await failureOf(call.edit(endless)), { code: 'edit.many_matches', message: /more than 100,000 times/ })
  t.equal(readFileSync(join(root, 'more.txt'), 'utf8'), 'a'.repeat(100_001))
})

test('Edit refuses what it cannot do exactly, with a reason, and changes nothing (FT-24)', async (t) => {
  const content = 'function one() {\n  return 1\n}\n\nfunction two() {\n  return 1\n}\n'
  const { root, call } = workspace(t, {
    'a.ts': content,
    'unread.ts': content,
    bin: Buffer.alloc(10),
    latin: Buffer.from('\u00e9', 'latin1'),
  })
  await call.read({ file_path: 'a.ts' })
  await call.read({ file_path: 'latin' })
  const edit = { file_path: 'a.ts', new_string: 'x' }
  const refused: [parameters: Record<string, unknown>, code: FailureCode, message: RegExp][] = [
    [{ ...edit, old_string: '' }, 'tool.bad_arguments', /old_string is empty/],
    [{ ...edit, old_string: 'x' }, 'tool.bad_arguments', /are the same/],
    [{ ...edit, old_string: 'return 1' }, 'edit.many_matches', /^old_string is 2 times in a\.ts, on lines 2, 6;/],
    [
      { ...edit, old_string: 'function two() {\n return 1' },
      'edit.no_match',
      /differ from it only in blanks:\n5\tfunction two\(\) \{\n6\t {2}return 1$/,
    ],
    [{ ...edit, old_string: '5\tfunction two() {' }, 'edit.no_match', /holds the line numbers that ReadFile prints/],
    [
      { ...edit, old_string: 'function three() {\n  return 3\n}' },
      'edit.no_match',
      /The nearest place is:\n1\tfunction one/,
    ],
    [{ ...edit, old_string: 'zebra' }, 'edit.no_match', /Nothing in the file is like it/],
    [{ ...edit, file_path: 'b.ts', old_string: 'a' }, 'file.not_found', /Near it: a\.ts/],
    [{ ...edit, file_path: 'bin', old_string: 'a' }, 'file.binary', /not text/],
    [{ ...edit, file_path: '.', old_string: 'a' }, 'file.not_regular', /folder/],
    [{ ...edit, file_path: '../a', old_string: 'a' }, 'file.outside_workspace', /leads out/],
    [
      { file_path: 'latin', old_string: 'é', new_string: '→' },
      'tool.bad_arguments',
      /Latin-1, which has no place for "→"/,
    ],
  ]
  for (const [parameters, code, message] of refused) t.match(await failureOf(call.edit(parameters)), { code, message })
  t.equal(readFileSync(join(root, 'a.ts'), 'utf8'), content)
  t.equal(readdirSync(root).length, 4)
})

test('Edit changes a file the run has not read: the piece must be there to the letter anyway', async (t) => {
  const { root, call } = workspace(t, { 'a.txt': 'one\n' })
  await call.edit({ file_path: 'a.txt', old_string: 'one', new_string: 'two' })
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'two\n')
})

test('Edit leaves a file alone that changed since the run read it', async (t) => {
  const { root, call } = workspace(t, { 'a.txt': 'one\n' })
  await call.read({ file_path: 'a.txt' })
  writeFileSync(join(root, 'a.txt'), 'one more\n')
  const edit = { file_path: 'a.txt', old_string: 'one', new_string: 'two' }
  t.match(await failureOf(call.edit(edit)), { code: 'file.changed', message: /Read it again/ })
  t.match(await failureOf(call.edit(edit)), { code: 'file.changed' })
  await call.read({ file_path: 'a.txt' })
  await call.edit(edit)
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'two more\n')
})

test('of two edits at once none is lost unseen (FT-22)', async (t) => {
  const { root, call } = workspace(t, { 'a.txt': 'one two\n' })
  await call.read({ file_path: 'a.txt' })
  const settled = await Promise.allSettled([
    call.edit({ file_path: 'a.txt', old_string: 'one', new_string: '1' }),
    call.edit({ file_path: 'a.txt', old_string: 'two', new_string: '2' }),
  ])
  const content = readFileSync(join(root, 'a.txt'), 'utf8')
  const done = settled.map((one) => one.status === 'fulfilled')
  t.equal(content, `${done[0] ? '1' : 'one'} ${done[1] ? '2' : 'two'}\n`)
  t.ok(done.includes(true))
})

test('an edit of any text is that replacement and nothing else', async (t) => {
  const { root, call } = workspace(t, {})
  const piece = fc
    .array(fc.constantFrom('a', 'b', '\n', '\r\n', '$&', 'é', '世', ' '), { maxLength: 12 })
    .map((parts) => parts.join(''))
  await fc.assert(
    fc.asyncProperty(piece, piece, fc.string({ unit: 'grapheme' }), async (head, tail, now) => {
      writeFileSync(join(root, 'a.txt'), `${head}<old>${tail}`)
      await call.read({ file_path: 'a.txt' })
      await call.edit({ file_path: 'a.txt', old_string: '<old>', new_string: `[${now.replaceAll(/[\r\n]/g, '')}]` })
      return (
        readFileSync(join(root, 'a.txt'), 'utf8') === `${head}[${now.replaceAll(/[\r\n]/g, '').toWellFormed()}]${tail}`
      )
    }),
    { numRuns: 100 },
  )
})

test('a preview shows the whole change and does nothing', async (t) => {
  const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`).join('')
  const { root, call } = workspace(t, { 'a.txt': 'one\n' })
  const write = await call.previewWrite({ file_path: 'b.txt', content: lines })
  t.match(write.diff, /^Create b\.txt: 1,000 lines, .*\n@@ -0,0 \+1,1000 @@\n\+line 0\n(.*\n)*\+line 999$/)
  t.notOk(existsSync(join(root, 'b.txt')))
  await call.read({ file_path: 'a.txt' })
  const edit = { file_path: 'a.txt', old_string: 'one', new_string: 'two' }
  t.equal((await call.previewEdit(edit)).diff, 'Edit a.txt: 1 replacement.\n@@ -1,1 +1,1 @@\n-one\n+two')
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'one\n')
  await call.edit(edit)
})

test('a change is told in numbers for programs, and a long diff is cut for the model', async (t) => {
  const { root, run, call } = workspace(t, { 'a.txt': 'x\n' })
  const content = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`).join('')
  const created = await run('WriteFile', { file_path: 'b.txt', content })
  t.match(created.structured, {
    kind: 'file_change',
    path: 'b.txt',
    created: true,
    lines_added: 1_000,
    lines_removed: 0,
  })
  t.match(created.text, /\[diff cut: 40 of its 1,?001 lines shown\]$/)
  const replaced = await run('WriteFile', { file_path: 'a.txt', content })
  t.match(replaced, { truncated: true, text: /\[diff cut: 400 of its 1,?002 lines shown\]$/ })
  await call.read({ file_path: 'a.txt' })
  t.same(readFileSync(join(root, 'a.txt'), 'utf8'), content)
})

type Parameters = Record<string, unknown>

function workspace(t: Test, tree: Record<string, string | Uint8Array>) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'built-in-')))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const files = createFiles({ root, cwd: root, runMemory: createRunFilesMemory() })
  const harness = createHarness({ files, cwd: root, workspaceRoot: root })
  const run = (name: string, parameters: Parameters) => harness.run(toolNamed(name), parameters)
  const text = (name: string) => async (parameters: Parameters) => (await run(name, parameters)).text
  const preview = (name: string) => async (parameters: Parameters) =>
    (await toolNamed(name).preview?.(parameters, harness.context)) ?? {}
  const call = {
    read: text('ReadFile'),
    folder: text('ReadFolder'),
    where: text('GetWorkingDirectory'),
    write: text('WriteFile'),
    edit: text('Edit'),
    previewWrite: preview('WriteFile'),
    previewEdit: preview('Edit'),
  }
  return { root, call, run }
}

async function loadTools(): Promise<Tool[]> {
  const plugins = await Promise.all(builtInPlugins.map((plugin) => plugin.load()))
  return plugins.flatMap((plugin) => [...plugin.default.tools])
}

function toolNamed(name: string): Tool {
  const tool = tools.find((one) => one.name === name)
  if (!tool) throw new Error(`No built-in is named ${name}.`)
  return tool
}

/** The Failure an attempt ended with; whatever else became of it is shown by the comparison. */
function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.catch((thrown: unknown) => (thrown instanceof Failure ? thrown : { notOurs: thrown }))
}
