import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { chmod } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, matchesGlob } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { createProcessGroups } from '#hands/process-group'
import { createSearch } from '#hands/search'
import type { SearchOptions } from '#hands/search'
import { limits } from '#limits'
import { createCappedRecords } from './capped-records.ts'
import { parseGlob } from './glob-pattern.ts'
import { isAlive } from './test-spawn.ts'

const everything = { folder: '.', glob: '**', pathsMax: 100 }
const hello = { path: '.', regex: 'hello', context: 0, linesMax: 100 }

test('a glob means what it looks like', (t) => {
  const cases: [glob: string, yes: string[], no: string[]][] = [
    ['*.ts', ['a.ts', 'src/a.ts', '.hidden.ts', 'x.ts/y.ts'], ['a.tsx', 'ats', 'x.ts/y']],
    ['/*.ts', ['a.ts'], ['src/a.ts']],
    ['./a.ts', ['a.ts'], ['src/a.ts']],
    ['src/**/*.ts', ['src/a.ts', 'src/b/c/a.ts'], ['a.ts', 'lib/src/a.ts', 'src/a.js']],
    ['**/test/*', ['test/a', 'x/y/test/a'], ['test', 'test/a/b']],
    ['src/**', ['src/a', 'src/b/c'], ['src', 'lib/a']],
    ['src/', ['src/a', 'src/b/c'], ['src', 'lib/src/a']],
    ['*.{ts,tsx}', ['a.ts', 'b/a.tsx'], ['a.js', 'a.{ts,tsx']],
    ['{src,lib/{a,b}}/*.js', ['src/x.js', 'lib/b/x.js'], ['lib/x.js']],
    ['a[0-9!].ts', ['a1.ts', 'a!.ts'], ['ab.ts']],
    ['a[!0-9].ts', ['ab.ts'], ['a1.ts']],
    ['[]a].ts', ['].ts', 'a.ts'], ['b.ts']],
    ['app/[id]/page.ts', ['app/[id]/page.ts', 'app/i/page.ts'], ['app/id/page.ts']],
    ['\\*.ts', ['*.ts'], ['a.ts']],
    ['?.ts', ['a.ts', '😀.ts'], ['ab.ts', '.ts']],
    ['!*.test.ts', ['a.ts', 'src/a.js'], ['a.test.ts', 'src/a.test.ts']],
    ['**', ['a', 'b/c'], []],
    ['***/a**b', ['x/ab', 'x/a12b'], ['x/y/z/ab/c']],
  ]
  for (const [glob, yes, no] of cases) {
    const pattern = parseGlob(glob)
    for (const path of yes) t.ok(pattern.matches(path), `${glob} takes ${path}`)
    for (const path of no) t.notOk(pattern.matches(path), `${glob} leaves ${path}`)
  }
  for (const glob of ['a[b', '{a,b', '../a', 'a/../../b', 'a\0', '*'.repeat(1_001), '{a,b}'.repeat(9), '{'.repeat(900)])
    t.throws(() => parseGlob(glob), { code: 'tool.bad_arguments' }, glob.slice(0, 20))
  t.end()
})

test('a glob agrees with that of Node', (t) => {
  const part = fc.constantFrom('a', 'b', '*', '?', '**', '/', '.', '[ab]', '[!a]', '{a,b}', '{a,b/c}')
  const path = fc.array(fc.constantFrom('a', 'b', 'ab', 'c', 'a.b'), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(fc.array(part, { minLength: 1, maxLength: 7 }), path, (parts, names) => {
      const glob = `/${parts.join('').replaceAll(/\/+/g, '/').replace(/^\//, '')}`
      // Where these differ on purpose: what ends in `/` or `**` is below, two dots lead up, and a star takes a leading dot.
      fc.pre(!/\/$|\.\.|\*\*\*|\/\.|\{|^\/$/.test(glob) && !/[^/]\*\*|\*\*[^/]|\*\*$/.test(glob))
      return parseGlob(glob).matches(names.join('/')) === matchesGlob(`/${names.join('/')}`, glob)
    }),
    { numRuns: 1_000 },
  )
  t.end()
})

test('no glob takes long', (t) => {
  t.notOk(parseGlob(`${'*a'.repeat(100)}b`).matches('a'.repeat(255)))
  t.notOk(parseGlob(`${'**/a/'.repeat(150)}b`).matches('a/'.repeat(1_000)))
  t.end()
})

test('files are found newest first, hidden ones too, without what git leaves out', async (t) => {
  const { root, search } = project(t, {
    '.gitignore': '*.log\nnode_modules/\n',
    'b.ts': '',
    'a.ts': '',
    'src/.hidden.ts': '',
    'src/x.log': '',
    'node_modules/m/a.ts': '',
    '.git/config': '',
    'sub/.gitignore': '/made.ts\n',
    'sub/made.ts': '',
  })
  symlinkSync('a.ts', join(root, 'link.ts'))
  setTimes(root, { 'a.ts': 1_000, 'b.ts': 1_000, 'src/.hidden.ts': 3_000 })
  const wanted = { folder: '.', glob: '**/*.ts', pathsMax: 10 }
  const all = { paths: ['src/.hidden.ts', 'a.ts', 'b.ts'], total: 3, totalIsExact: true }
  t.strictSame(await search().paths(wanted), all)
  t.strictSame(await search().paths({ ...wanted, pathsMax: 2 }), { ...all, paths: ['src/.hidden.ts', 'a.ts'] })
  t.strictSame((await search().paths({ ...wanted, folder: 'src', glob: '*' })).paths, ['src/.hidden.ts'])
  t.strictSame((await search().paths({ ...wanted, folder: 'node_modules' })).paths, ['node_modules/m/a.ts'])
  t.strictSame((await search({ cwd: join(root, 'src') }).paths({ ...wanted, folder: '..' })).paths[1], '../a.ts')
})

test('ignore files count within the project alone, in a repository and without one', async (t) => {
  for (const isRepository of [true, false]) {
    const { root, search } = project(t, {
      '.gitignore': 'made/\n/sub/own.txt\n*.tmp\n',
      'sub/own.txt': 'hello',
      'sub/kept.txt': 'hello',
      'sub/made/a.txt': 'hello',
      'sub/b.tmp': 'hello',
      '.ignore': 'kept.txt\n',
      ...(isRepository ? { '.git/HEAD': 'ref: refs/heads/main\n' } : {}),
    })
    writeFileSync(join(dirname(root), '.gitignore'), '*\n')
    t.strictSame((await search().paths({ ...everything, folder: 'sub' })).paths, ['sub/kept.txt'])
    const lines = await search().lines({ ...hello, path: 'sub' })
    t.strictSame(
      lines.files.map(({ path }) => path),
      ['sub/kept.txt'],
    )
  }
})

test('lines are found by path and number, with those around them', async (t) => {
  const { search } = project(t, {
    'b.txt': 'one\r\nhello there\r\nthree\r\n',
    'a/x.txt': 'hello\n2\n3\n4\nhello again',
    'bin.dat': 'hello\0hello\n',
  })
  const found = await search().lines({ ...hello, context: 1 })
  t.match(found, { matches: 3, end: 'all', complaint: undefined })
  t.strictSame(
    found.files.map(({ path, lines }) => [path, ...lines.map(({ number, kind, text }) => `${number} ${kind} ${text}`)]),
    [
      ['a/x.txt', '1 match hello', '2 context 2', '4 context 4', '5 match hello again'],
      ['b.txt', '1 context one', '2 match hello there', '3 context three'],
    ],
  )
  t.match(await search().lines({ ...hello, regex: 'there$' }), { matches: 1 }, 'a line ends before its return')
  t.match(await search().lines({ ...hello, path: 'b.txt' }), { matches: 1, files: [{ path: 'b.txt' }] })
  t.match(await search().lines({ ...hello, glob: 'a/**' }), { matches: 2 })
  t.match(await search().lines({ ...hello, glob: '!*.txt' }), { matches: 0, files: [] })
  t.match(await failureOf(search().lines({ ...hello, path: 'bin.dat' })), { code: 'file.binary' })
})

test('a pattern may look around, and meets several lines only where it says so', async (t) => {
  const { search } = project(t, { 'a.txt': 'ab\nac\nbb\n' })
  const numbers = async (regex: string) =>
    (await search().lines({ ...hello, regex })).files.flatMap(({ lines }) => lines.map(({ number }) => number))
  t.strictSame(await numbers('a(?!b)'), [2])
  t.strictSame(await numbers('(b)\\1'), [3])
  t.strictSame(await numbers('b\\na'), [1, 2])
  t.strictSame(await numbers('(?s)b.a'), [1, 2])
  t.strictSame(await numbers('b\\sa'), [])
  t.strictSame(await numbers('-e'), [])
})

test('what is no pattern is one sentence with the reason', async (t) => {
  const { search } = project(t, { 'a.txt': 'hello\n' })
  const reasons: [string, RegExp][] = [
    ['(', /^The pattern is no regular expression: unclosed group\.$/],
    ['[z-a]', /invalid character class range/],
    ['(?=(', /: missing closing parenthesis\.$/],
    ['a{99999999}', /size limit/],
    ['a\0', /NUL/],
    ['x'.repeat(limits.searchPatternBytesMax + 1), /longer than/],
  ]
  for (const [regex, message] of reasons)
    t.match(await failureOf(search().lines({ ...hello, regex })), { code: 'tool.bad_arguments', message })
  t.match(await failureOf(search().lines({ ...hello, glob: '{a' })), { code: 'tool.bad_arguments' })
})

test('a search is bounded in lines, in characters and by each line', async (t) => {
  const { root, search } = project(t, {
    'a.txt': 'hello\n'.repeat(50_000),
    'wide.txt': `${'x'.repeat(100_000)}needle${'y'.repeat(100_000)}\n`,
    'many.txt': `${'needles '.repeat(1_000)}\n`.repeat(1_000),
  })
  const some = await search().lines({ ...hello, linesMax: 10 })
  t.match(some, { matches: 10, end: 'enough' })
  t.equal((await search().lines({ ...hello, path: 'a.txt', linesMax: 50_000 })).end, 'enough')
  const [wide] = (await search().lines({ ...hello, regex: 'needle', path: 'wide.txt' })).files
  t.match(wide?.lines[0], { cut: true, text: /^…x+needley+…$/ })
  t.ok((wide?.lines[0]?.text.length ?? 0) <= limits.searchLineCharactersMax + 2)
  const many = await search().lines({ ...hello, regex: 'needles', path: 'many.txt', linesMax: 1_000 })
  t.equal(many.end, 'enough')
  t.ok(JSON.stringify(many).length < 2 * limits.searchCharactersMax)
  writeFileSync(join(root, 'huge.txt'), Buffer.alloc(limits.searchRecordBytesMax + 10, 'z'))
  t.match(await search().lines({ ...hello, regex: 'z+', path: 'huge.txt' }), { files: [{ hugeLines: 1, lines: [] }] })
})

test('records come whole however their bytes are cut, and a long one costs no memory', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ maxLength: 12 })), fc.integer({ min: 1, max: 9 }), (texts, step) => {
      const lines = texts.map((text) => text.replaceAll('\n', ' '))
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''))
      const records = createCappedRecords({ end: 10, bytesMax: 8 })
      const got: (string | undefined)[] = []
      for (let at = 0; at < bytes.length; at += step)
        got.push(...[...records.take(bytes.subarray(at, at + step))].map((record) => record?.toString()))
      t.strictSame(
        got,
        lines.map((line) => (Buffer.byteLength(line) > 8 ? undefined : line)),
      )
    }),
    { numRuns: 100 },
  )
  t.end()
})

test('no settings of the machine and no program named by them are used', async (t) => {
  const { root, search } = project(t, { 'a.txt': 'hello\n' })
  writeFileSync(join(root, 'config'), `--pre=${join(root, 'pre')}\n--files\n`)
  writeFileSync(join(root, 'pre'), `#!/bin/sh\ntouch ${join(root, 'ran')}\n`, { mode: 0o755 })
  process.env['RIPGREP_CONFIG_PATH'] = join(root, 'config')
  t.teardown(() => delete process.env['RIPGREP_CONFIG_PATH'])
  t.match(await search().lines({ ...hello, path: 'a.txt' }), { matches: 1 })
  await search().lines({ ...hello, regex: '--pre=./pre' })
  t.notOk(existsSync(join(root, 'ran')))
})

test('a search leads nowhere but into the project', async (t) => {
  const { root, search } = project(t, { 'a.txt': 'hello\n', 'in/b.txt': 'hello\n' })
  const outside = join(dirname(root), 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret.txt'), 'hello\n')
  symlinkSync(outside, join(root, 'out'))
  symlinkSync(join(outside, 'secret.txt'), join(root, 'secret-link'))
  symlinkSync('in', join(root, 'also-in'))
  for (const path of ['..', '/', '/etc', outside, 'out', 'secret-link', 'in/../../outside', `${root}2`]) {
    const code = /file\.(outside_workspace|not_found)/
    t.match(await failureOf(search().paths({ ...everything, folder: path })), { code }, path)
    t.match(await failureOf(search().lines({ ...hello, path })), { code }, path)
  }
  t.match(await failureOf(search().paths({ ...everything, folder: 'gone' })), { code: 'file.not_found' })
  t.match(await failureOf(search().paths({ ...everything, folder: 'a.txt' })), { code: 'file.bad_path' })
  t.match(await failureOf(search().lines({ ...hello, path: 'a\0' })), { code: 'file.bad_path' })
  t.strictSame((await search().paths(everything)).paths.toSorted(), ['a.txt', 'in/b.txt'], 'links are not followed')
  t.strictSame((await search().paths({ ...everything, folder: 'also-in' })).paths, ['in/b.txt'])
  t.match(await search().lines(hello), { matches: 2 })
})

test('a folder that is swapped for a link while it is searched gives nothing away', async (t) => {
  const { root, search } = project(t, { 'in/a.txt': 'hello\n' })
  const outside = join(dirname(root), 'outside')
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret.txt'), 'hello secret\n')
  // Stands in for ripgrep and follows a link that was put there after the walk had begun.
  const program = join(dirname(root), 'rg')
  writeFileSync(
    program,
    `#!/bin/sh\nrm -r ${root}/in\nln -s ${outside} ${root}/in\nexec ${await realRipgrep()} --json -L -e hello ./\n`,
  )
  await chmod(program, 0o755)
  const found = await search({ findProgram: () => Promise.resolve(program) }).lines(hello)
  t.strictSame(found.files, [])
})

test('a FIFO is not waited for and a file that may not be read is told of', async (t) => {
  const { root, search } = project(t, { 'a.txt': 'hello\n', 'closed.txt': 'hello\n' })
  execFileSync('mkfifo', [join(root, 'fifo')])
  t.match(await failureOf(search().lines({ ...hello, path: 'fifo' })), { code: 'file.not_regular' })
  await chmod(join(root, 'closed.txt'), 0o000)
  const found = await search().lines(hello)
  if (process.getuid?.() === 0) t.match(found, { matches: 2, complaint: undefined })
  else t.match(found, { matches: 1, complaint: /closed\.txt: Permission denied/ })
})

test('a cancelled search ends at once and leaves no process', async (t) => {
  const { root, search } = project(t, {})
  const controller = new AbortController()
  const groups = createProcessGroups()
  const program = join(root, 'rg')
  writeFileSync(program, `#!/bin/sh\necho $$ >${root}/pid\nsleep 600 & wait\n`, { mode: 0o755 })
  const searching = search({ findProgram: () => Promise.resolve(program), signal: controller.signal, groups }).paths(
    everything,
  )
  while (!existsSync(join(root, 'pid')) || readFileSync(join(root, 'pid'), 'utf8') === '')
    await new Promise(setImmediate)
  t.equal(groups.list().length, 1)
  controller.abort(new Failure('client.cancelled', 'Cancelled.'))
  await t.rejects(searching, { code: 'client.cancelled' })
  t.notOk(isAlive(Number(readFileSync(join(root, 'pid'), 'utf8'))))
  t.same(groups.list(), [])
  await t.rejects(search({ signal: controller.signal }).paths(everything), { code: 'client.cancelled' })
})

test('without ripgrep the search says what to install', async (t) => {
  const { search } = project(t, {})
  const message = /ripgrep.*is missing/
  const nowhere = [() => Promise.resolve('/nowhere/rg'), () => Promise.reject(new Error('no package'))]
  for (const findProgram of nowhere)
    t.match(await failureOf(search({ findProgram }).paths(everything)), { code: 'tool.unavailable', message })
})

async function realRipgrep(): Promise<string> {
  return (await import('@vscode/ripgrep')).rgPath
}

function setTimes(root: string, seconds: Record<string, number>): void {
  for (const [path, at] of Object.entries(seconds)) utimesSync(join(root, path), at, at)
}

function project(t: Test, tree: Record<string, string>) {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'search-')))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const root = join(base, 'proj')
  mkdirSync(root)
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const place = {
    root,
    cwd: root,
    toolId: 'tool-1',
    signal: new AbortController().signal,
    groups: createProcessGroups(),
  }
  return { root, search: (options: Partial<SearchOptions> = {}) => createSearch({ ...place, ...options }) }
}

/** The Failure an attempt ended with; whatever else became of it is shown by the comparison. */
function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.catch((thrown: unknown) => (thrown instanceof Failure ? thrown : { notOurs: thrown }))
}
