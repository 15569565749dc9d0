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
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Files } from '@codegen/kit'
import { createHarness } from '@codegen/kit/harness'
import { Failure } from '@codegen/protocol/failure'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { createFiles } from '#hands/files'
import type { FilesOptions } from '#hands/files'
import { createRunFilesMemory } from '#hands/run-files-memory'
import { builtInPlugins } from './built-in.ts'

const plugins = await Promise.all(builtInPlugins.map((plugin) => plugin.load()))
const tool = plugins.flatMap((plugin) => plugin.default.tools).find(({ name }) => name === 'ApplyPatch')

const lines = (...texts: string[]): string => texts.map((text) => `${text}\n`).join('')
const patchOf = (...texts: string[]): string => lines('*** Begin Patch', ...texts, '*** End Patch')

test('ApplyPatch adds, changes, moves and deletes files in one call and answers with the diff of each', async (t) => {
  const { root, read, apply } = workspace(t, {
    'a.ts': lines('one', 'two', 'three'),
    'old/b.sh': lines('#!/bin/sh', 'echo b'),
    'gone.txt': 'x\n',
  })
  chmodSync(join(root, 'old/b.sh'), 0o751)
  const text = await apply(
    patchOf(
      ...['*** Update File: a.ts', '@@', ' one', '-two', '+2', ' three'],
      ...['*** Add File: new/c.txt', '+c', '+', '+d'],
      ...['*** Update File: old/b.sh', '*** Move to: bin/b.sh', '@@', '-echo b', '+echo B'],
      '*** Delete File: gone.txt',
    ),
  )
  t.strictSame(
    [read('a.ts'), read('new/c.txt'), read('bin/b.sh')],
    [lines('one', '2', 'three'), 'c\n\nd\n', lines('#!/bin/sh', 'echo B')],
  )
  t.equal(statSync(join(root, 'bin/b.sh')).mode & 0o777, 0o751)
  t.notOk(existsSync(join(root, 'gone.txt')) || existsSync(join(root, 'old/b.sh')))
  t.match(
    text,
    /^Changed 4 files\.\nUpdate a\.ts: \+1 -1 lines\n@@ -1,3 \+1,3 @@\n one\n-two\n\+2\n three\nAdd new\/c\.txt/,
  )
  t.match(text, /\nMove old\/b\.sh to bin\/b\.sh: \+1 -1 lines\n(.*\n)*Delete gone\.txt: \+0 -1 lines\n/)
})

test('hunks are found by what is in them, below the lines they name', async (t) => {
  const twice = lines('def a():', '  return 1', '', 'def b():', '  return 1')
  const cases: [before: string, hunks: string[], after: string][] = [
    [twice, ['@@ def b():', '-  return 1', '+  return 2'], twice.replace(/1\n$/, '2\n')],
    [twice, ['@@ def b', ' def b():', '-  return 1', '+  return 2'], twice.replace(/1\n$/, '2\n')],
    [twice, ['@@ def b():', '+  # here'], lines('def a():', '  return 1', '', 'def b():', '  # here', '  return 1')],
    [twice, ['+def c(): pass'], `${twice}def c(): pass\n`],
    [twice, ['-  return 1', '+  return 3', '*** End of File'], twice.replace(/1\n$/, '3\n')],
    [twice, ['@@ -1,2 +1,2 @@', ' def a():', '-  return 1', '+  return 0'], twice.replace('1', '0')],
    [lines('a', 'b ', 'c'), [' a', ' b', '-c', '+d'], lines('a', 'b ', 'd')],
    [lines('a', '', 'c'), ['-a', '+A', '', ' c'], lines('A', '', 'c')],
    [lines('a', 'b', 'c', 'd'), ['@@', '-a', '+A', '@@', '-d', '+D', ''], lines('A', 'b', 'c', 'D')],
    [lines('a', 'b'), ['-a', '-b'], ''],
    ['', ['+a'], 'a\n'],
    ['a\nlast', ['-last', '+end', '+of it'], 'a\nend\nof it'],
    ['a\r\nb\r\n', [' a', '-b', '+B', '+C'], 'a\r\nB\r\nC\r\n'],
    ['a\r\nb\nc\r\n', ['-b', '+B', ' c'], 'a\r\nB\nc\r\n'],
  ]
  for (const [before, hunks, after] of cases) {
    const { read, apply } = workspace(t, { 'a.txt': before })
    await apply(patchOf('*** Update File: a.txt', ...hunks))
    t.equal(read('a.txt'), after, hunks.join(' | '))
  }
})

test('ApplyPatch keeps each file in its encoding (FT-16)', async (t) => {
  const { root, apply } = workspace(t, { 'latin.txt': '', 'wide.txt': '' })
  writeFileSync(join(root, 'latin.txt'), Buffer.from('caf\xe9\nb\n', 'latin1'))
  writeFileSync(join(root, 'wide.txt'), Buffer.from('\ufeffé\r\nb\r\n', 'utf16le'))
  const change = ['@@', '-b', '+ü']
  await apply(patchOf('*** Update File: latin.txt', ...change, '*** Update File: wide.txt', ...change))
  t.same(readFileSync(join(root, 'latin.txt')), Buffer.from('caf\xe9\n\xfc\n', 'latin1'))
  t.same(readFileSync(join(root, 'wide.txt')), Buffer.from('\ufeffé\r\nü\r\n', 'utf16le'))
  const noPlace = apply(patchOf('*** Update File: latin.txt', '-ü', '+→'))
  t.match(await failureOf(noPlace), { code: 'tool.bad_arguments', message: /Latin-1, which has no place for "→"/ })
})

test('what does not fit changes nothing, and the failure shows where it may have been meant', async (t) => {
  const { root, call, apply } = workspace(t, {
    'a.txt': lines('same', 'x', 'same'),
    'b.ts': lines('let port = 1', 'go()'),
    d: '',
  })
  symlinkSync('b.ts', join(root, 'link'))
  const update = (...hunk: string[]) => ['*** Update File: b.ts', '-go()', '+stop()', '*** Update File: a.txt', ...hunk]
  const cases: [string[], string, RegExp][] = [
    [update('-same', '+other'), 'edit.many_matches', /from each of the lines 1, 3;/],
    [update('-sane x', '+y'), 'edit.no_match', /Hunk 1 for a\.txt: .*nothing was changed/],
    [
      ['*** Update File: b.ts', '-let  port = 1', '+x'],
      'edit.no_match',
      /differ from it only in blanks:\n1\tlet port = 1/,
    ],
    [update('@@ nowhere', '+y'), 'edit.no_match', /"nowhere" that an @@/],
    [update('-x', '+y', '@@', '-same', '-x', '+z'), 'edit.no_match', /from line 1: put hunks in the order/],
    [update('-x', '+y', '*** End of File'), 'edit.no_match', /not in the file at its end, but from line 2/],
    [[...update('-x', '+y'), '*** Add File: d', '+x'], 'tool.bad_arguments', /d is there already.*Update File/],
    [[...update('-x', '+y'), '*** Update File: ./b.ts', '-go()', '+z'], 'tool.bad_arguments', /names \.\/b\.ts twice/],
    [[...update('-x', '+y'), '*** Delete File: gone'], 'file.not_found', /gone does not exist/],
    [[...update('-x', '+y'), '*** Add File: ../out', '+x'], 'file.outside_workspace', /leads out/],
    [[...update('-x', '+y'), '*** Delete File: link'], 'tool.bad_arguments', /twice/],
    [['*** Delete File: link'], 'file.not_regular', /link is a link/],
    [['*** Update File: b.ts', '*** Move to: d', '-go()', '+x'], 'tool.bad_arguments', /d is there already/],
  ]
  for (const [sections, code, message] of cases)
    t.match(await failureOf(apply(patchOf(...sections))), { code, message })
  t.strictSame([call.read('a.txt'), call.read('b.ts')], [lines('same', 'x', 'same'), lines('let port = 1', 'go()')])
  t.strictSame(readdirSync(root).toSorted(), ['a.txt', 'b.ts', 'd', 'link'])
})

test('a file that changed since the run read it is left alone, and so are all others', async (t) => {
  const { root, files, read, apply } = workspace(t, { 'a.txt': 'a\n', 'b.txt': 'b\n' })
  await files.read('b.txt', { bytesMax: 100 })
  writeFileSync(join(root, 'b.txt'), 'b\nmore\n')
  const both = patchOf('*** Update File: a.txt', '-a', '+A', '*** Update File: b.txt', '-b', '+B')
  t.match(await failureOf(apply(both)), { code: 'file.changed', message: /b\.txt changed since/ })
  t.match(await failureOf(apply(patchOf('*** Delete File: b.txt'))), { code: 'file.changed' })
  t.strictSame([read('a.txt'), read('b.txt')], ['a\n', 'b\nmore\n'])
})

test('what fails in the middle is put back, and the failure says so', async (t) => {
  const { root, files, read, applyWith } = workspace(t, {
    'a.txt': 'a\n',
    'b.txt': 'b\n',
    'c.sh': 'c\n',
    'd.txt': 'd\n',
  })
  chmodSync(join(root, 'c.sh'), 0o755)
  const patch = patchOf(
    ...['*** Update File: a.txt', '-a', '+A', '*** Add File: new.txt', '+n', '*** Delete File: c.sh'],
    ...['*** Update File: b.txt', '*** Move to: moved.txt', '-b', '+B', '*** Delete File: d.txt'],
  )
  const failing = (step: () => void): Files => ({
    ...files,
    async remove(path, options) {
      if (path !== 'd.txt') return files.remove(path, options)
      step()
      throw new Failure('file.unwritable', 'd.txt may not be written: permission denied.')
    },
  })
  const message = /permission denied\. What the patch had changed before is put back\.$/
  t.match(
    await failureOf(
      applyWith(
        failing(() => undefined),
        patch,
      ),
    ),
    { code: 'file.unwritable', message },
  )
  t.strictSame(['a.txt', 'b.txt', 'c.sh', 'd.txt'].map(read), ['a\n', 'b\n', 'c\n', 'd\n'])
  t.strictSame(readdirSync(root).toSorted(), ['a.txt', 'b.txt', 'c.sh', 'd.txt'])
  t.equal(statSync(join(root, 'c.sh')).mode & 0o777, 0o755)

  const interfering = failing(() => writeFileSync(join(root, 'a.txt'), 'somebody else'))
  const left = await failureOf(applyWith(interfering, patch))
  t.match(left, { code: 'file.unwritable', message: /put back, but for a\.txt: look at it\.$/ })
  t.equal(read('a.txt'), 'somebody else', 'what somebody else wrote meanwhile is not lost')
})

test('a protected path needs consent in a patch too, moved to or deleted (FT-33)', async (t) => {
  const { root, apply } = workspace(t, { 'a.txt': 'a\n', '.bashrc': 'x\n' }, { refuseProtected: true })
  const cases = [
    ['*** Add File: .git/hooks/pre-commit', '+x'],
    ['*** Update File: a.txt', '*** Move to: .vscode/tasks.json'],
    ['*** Delete File: .bashrc'],
  ]
  for (const sections of cases) t.match(await failureOf(apply(patchOf(...sections))), { code: 'tool.denied' })
  t.strictSame(readdirSync(root).toSorted(), ['.bashrc', 'a.txt'])
  t.strictSame(
    cases.map((sections) => tool?.touches?.({ patch: patchOf(...sections) })),
    [{ writes: ['.git/hooks/pre-commit'] }, { writes: ['a.txt', '.vscode/tasks.json'] }, { writes: ['.bashrc'] }],
  )
  t.strictSame(tool?.touches?.({ patch: 'no patch' }), {})
})

test('a preview shows the diff of all files and does nothing', async (t) => {
  const { root, preview } = workspace(t, { 'a.txt': 'a\n' })
  const patch = patchOf('*** Update File: a.txt', '-a', '+A', '*** Add File: b.txt', '+b')
  const diff =
    'Change 2 files.\nUpdate a.txt: +1 -1 lines\n@@ -1,1 +1,1 @@\n-a\n+A\nAdd b.txt: +1 -0 lines\n@@ -0,0 +1,1 @@\n+b'
  t.equal((await preview(patch)).diff, diff)
  t.strictSame([readdirSync(root), readFileSync(join(root, 'a.txt'), 'utf8')], [['a.txt'], 'a\n'])
})

test('what is no patch is refused with its line', async (t) => {
  const { apply } = workspace(t, { 'a.txt': 'a\n' })
  const bad: [string, RegExp][] = [
    ['', /^Line 1 .*begin with "\*\*\* Begin Patch"/],
    ['*** Begin Patch\n*** Delete File: a.txt\n', /end with "\*\*\* End Patch"; without that it may be cut off/],
    [patchOf(), /changes no file/],
    [patchOf('*** Rename File: a.txt'), /^Line 2 of the patch: here has to be/],
    [patchOf('*** Add File: b', 'x'), /^Line 3 of the patch: each line of a new file/],
    [patchOf('*** Update File: a.txt'), /holds no hunk/],
    [patchOf('*** Update File: a.txt', '@@', ' a'), /removes and adds nothing/],
    [patchOf('*** Update File: a.txt', '@@', '-a', 'x'), /^Line 5 of the patch: each line of a hunk/],
  ]
  for (const [patch, message] of bad) t.match(await failureOf(apply(patch)), { code: 'tool.bad_arguments', message })
  await apply(`apply_patch <<'EOF'\n${patchOf('*** Update File: a.txt', '-a', '+b')}EOF\n`.replaceAll('\n', '\r\n'))
  await apply(`\`\`\`\n${patchOf('*** Update File: a.txt', '-b', '+c')}\`\`\``)
})

test('whatever text comes as a patch, it is a patch or a Failure', async (t) => {
  const { apply, root } = workspace(t, { 'a.txt': 'a\nb\n' })
  const piece = fc.constantFrom(
    ...['*** Begin Patch', '*** End Patch', '*** Add File: b', '*** Update File: a.txt', '*** Delete File: a.txt'],
    ...['*** Move to: c', '*** End of File', '@@', '@@ a', '+x', '-a', ' b', '', '\r', '***', '-', '+', '\u2028', '\0'],
  )
  const patch = fc.oneof(
    fc.array(piece, { maxLength: 12 }).map((pieces) => pieces.join('\n')),
    fc.array(piece, { maxLength: 8 }).map((pieces) => patchOf(...pieces)),
    fc.string(),
  )
  await fc.assert(
    fc.asyncProperty(patch, async (text) => {
      await apply(text).catch((error: unknown) => {
        if (!(error instanceof Failure)) throw error
      })
      for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true })
      writeFileSync(join(root, 'a.txt'), 'a\nb\n')
    }),
    { numRuns: 500 },
  )
})

test('a patch made of any change makes that change, however its sections are parted', async (t) => {
  const { root, read, apply, files } = workspace(t, {})
  const line = fc.constantFrom('a', 'b', '', '  indented', '+plus', '-minus', '@@ at', '*** stars', 'é 世')
  const texts = fc.array(line, { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(
      texts,
      texts,
      texts,
      fc.array(line, { minLength: 1, maxLength: 4 }),
      async (head, old, tail, now) => {
        const [unique, before] = ['the only line', lines(...head, 'the only line', ...old, ...tail)]
        await files.write('a.txt', Buffer.from(before))
        const hunk = ['@@', `-${unique}`, ...old.map((text) => `-${text}`), ...now.map((text) => `+${text}`)]
        await apply(
          patchOf('*** Update File: a.txt', ...hunk, '', '*** Add File: b.txt', ...now.map((text) => `+${text}`)),
        )
        const isRight = read('a.txt') === lines(...head, ...now, ...tail) && read('b.txt') === lines(...now)
        rmSync(join(root, 'b.txt'))
        return isRight
      },
    ),
    { numRuns: 200 },
  )
})

function workspace(t: Test, tree: Record<string, string>, how: Partial<FilesOptions> = {}) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'built-in-patch-')))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  for (const [path, content] of Object.entries(tree)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
  }
  const files = createFiles({ root, cwd: root, runMemory: createRunFilesMemory(), ...how })
  if (!tool) throw new Error('ApplyPatch is not built in.')
  const harnessOf = (own: Files) => createHarness({ files: own, cwd: root, workspaceRoot: root })
  const applyWith = async (own: Files, patch: string) => (await harnessOf(own).run(tool, { patch })).text
  const preview = async (patch: string) => (await tool.preview?.({ patch }, harnessOf(files).context)) ?? {}
  const read = (path: string) => readFileSync(join(root, path), 'utf8')
  return { root, files, read, preview, applyWith, apply: (patch: string) => applyWith(files, patch), call: { read } }
}

/** The Failure an attempt ended with; whatever else became of it is shown by the comparison. */
function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.catch((thrown: unknown) => (thrown instanceof Failure ? thrown : { notOurs: thrown }))
}
