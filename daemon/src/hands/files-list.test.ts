import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { createFiles } from '#hands/files'
import { listFolder } from '#hands/list-folder'
import { createRunFilesMemory } from '#hands/run-files-memory'

const all = { depth: 10, entriesMax: 10_000 }

test('a listing is sorted, goes as deep as it is told and follows no link', async (t) => {
  const { root, files } = workspace(t, { 'b.txt': '', 'a/z.txt': '', 'a/b/c.txt': '', 'a-b.txt': '', 'a.txt': '' })
  symlinkSync('a', join(root, 'link'))
  symlinkSync('nothing', join(root, 'broken'))
  execFileSync('mkfifo', [join(root, 'pipe')])

  const top = await files.list('.', { depth: 1, entriesMax: 100 })
  t.same(top, {
    path: root,
    total: 7,
    totalIsExact: true,
    ignored: false,
    entries: [
      { path: 'a', kind: 'folder' },
      { path: 'a-b.txt', kind: 'file' },
      { path: 'a.txt', kind: 'file' },
      { path: 'b.txt', kind: 'file' },
      { path: 'broken', kind: 'link', target: 'nothing' },
      { path: 'link', kind: 'link', target: 'a' },
      { path: 'pipe', kind: 'other' },
    ],
  })
  const two = await files.list('.', { depth: 2, entriesMax: 100 })
  t.same(
    two.entries.slice(0, 4).map((entry) => entry.path),
    ['a', 'a/b', 'a/z.txt', 'a-b.txt'],
  )
  t.same(
    (await files.list('a', all)).entries.map((entry) => entry.path),
    ['b', 'b/c.txt', 'z.txt'],
  )
})

test('what .gitignore names at any level is left out, and .git always', async (t) => {
  const { root, files } = workspace(t, {
    '.git/config': '',
    '.gitignore': 'build/\n*.log\n!keep.log\n/top-only\n',
    'build/out.js': '',
    'a.log': '',
    'keep.log': '',
    'top-only': '',
    'sub/top-only': '',
    'sub/.gitignore': '!build/\nlocal/*\n!local/kept\n',
    'sub/build/in.js': '',
    'sub/local/a': '',
    'sub/local/kept': '',
    'sub/.git': 'gitdir: elsewhere',
  })
  const listing = await files.list('.', all)
  t.same(
    listing.entries.map((entry) => entry.path),
    [
      ...['.gitignore', 'keep.log', 'sub', 'sub/.gitignore', 'sub/build', 'sub/build/in.js', 'sub/local'],
      ...['sub/local/kept', 'sub/top-only'],
    ],
  )
  t.same([listing.total, listing.totalIsExact], [9, true])

  const ignored = await files.list('build', all)
  t.same([ignored.ignored, ignored.entries.map((entry) => entry.path)], [true, ['out.js']], 'listed when asked for')

  const below = createFiles({ root: join(root, 'sub'), cwd: join(root, 'sub'), runMemory: createRunFilesMemory() })
  rmSync(join(root, 'sub/.git'))
  writeFileSync(join(root, 'sub/b.log'), '')
  const names = (await below.list('.', all)).entries.map((entry) => entry.path)
  t.notOk(names.includes('b.log'), 'the rules of the repository above the root hold')
})

test('a listing agrees with git on what is ignored', async (t) => {
  const { root, files } = workspace(t, {})
  execFileSync('git', ['init', '-q', '--template='], { cwd: root, env: gitEnvironment })
  await fc.assert(
    fc.asyncProperty(paths, gitignores, async (tree, rules) => {
      for (const path of tree) tryToWrite(join(root, path), '')
      for (const [folder, text] of rules) tryToWrite(join(root, folder, '.gitignore'), text)
      const { entries } = await files.list('.', all)
      const ours = entries.filter((entry) => entry.kind === 'file').map((entry) => entry.path)
      t.same(ours.toSorted(), namesByGit(root), JSON.stringify({ tree, rules }))
      for (const name of readdirSync(root)) if (name !== '.git') rmSync(join(root, name), { recursive: true })
    }),
    { numRuns: 60 },
  )
})

test('what lies nearest is kept when there is more than fits', async (t) => {
  const tree = Object.fromEntries(Array.from({ length: 30 }, (_, index) => [`a/deep/${index}.txt`, '']))
  const { files } = workspace(t, { ...tree, 'z.txt': '' })
  const listing = await files.list('.', { depth: 5, entriesMax: 5 })
  t.same(
    listing.entries.map((entry) => entry.path),
    ['a', 'a/deep', 'a/deep/0.txt', 'a/deep/1.txt', 'z.txt'],
  )
  t.same([listing.total, listing.totalIsExact], [33, true])
})

test('a tree with more names than are counted costs bounded work and an honest total', async (t) => {
  const tree = Object.fromEntries(Array.from({ length: 300 }, (_, index) => [`${index % 3}/${index}.txt`, '']))
  const { root } = workspace(t, tree)
  const request = { folder: root, root, shown: '.', depth: 2, entriesMax: 50 }
  const part = await listFolder({ ...request, scannedMax: 200 })
  t.same([part.entries.length, part.total, part.totalIsExact], [50, 200, false])
  const whole = await listFolder({ ...request, scannedMax: 303 })
  t.same([whole.entries.length, whole.total, whole.totalIsExact], [50, 303, true])
})

test('a .gitignore that is a FIFO, a link or a folder is as good as absent', async (t) => {
  const { root, files } = workspace(t, { 'a/x': '', 'b/x': '', 'c/.gitignore/x': '', rules: 'x' })
  execFileSync('mkfifo', [join(root, 'a/.gitignore')])
  symlinkSync('../rules', join(root, 'b/.gitignore'))
  const paths = (await files.list('.', all)).entries.map((entry) => entry.path)
  for (const path of ['a/x', 'b/x', 'c/.gitignore/x']) t.ok(paths.includes(path), path)
})

test(
  'a folder that may not be read is named, and the total says that it is not all',
  { skip: process.getuid?.() === 0 && 'root may read anything' },
  async (t) => {
    const { root, files } = workspace(t, { 'closed/x': '', 'open/y': '' })
    chmodSync(join(root, 'closed'), 0)
    t.teardown(() => chmodSync(join(root, 'closed'), 0o700))
    const listing = await files.list('.', all)
    t.same(
      listing.entries.map((entry) => entry.path),
      ['closed', 'open', 'open/y'],
    )
    t.equal(listing.totalIsExact, false)
  },
)

test('what is no folder is a typed failure', async (t) => {
  const { files } = workspace(t, { 'a.txt': '' })
  for (const [path, code] of [
    ['a.txt', 'file.bad_path'],
    ['nothing', 'file.not_found'],
  ] as const) {
    const error: unknown = await files.list(path, all).catch((thrown: unknown) => thrown)
    t.equal(error instanceof Failure && error.code, code)
  }
})

const name = fc.constantFrom('a', 'b', 'ab', 'a.txt', 'x y', '[z]', '#h', 'Ab')
const somePath = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
const paths = fc.array(somePath, { maxLength: 8 })
const pattern = fc
  .tuple(
    fc.constantFrom('', '!'),
    fc.constantFrom('', '/'),
    fc.array(fc.oneof(name, fc.constantFrom('*', '**', 'a*', '?')), { minLength: 1, maxLength: 3 }),
    fc.constantFrom('', '/'),
  )
  .map(([sign, start, names, end]) => sign + start + names.join('/') + end)
const rules = fc.array(pattern, { maxLength: 4 }).map((patterns) => patterns.join('\n'))
const gitignores = fc.array(fc.tuple(fc.oneof(fc.constant(''), somePath), rules), { maxLength: 3 })

function namesByGit(root: string): string[] {
  const args = ['ls-files', '-z', '--others', '--exclude-standard']
  const output = execFileSync('git', args, { cwd: root, encoding: 'utf8', env: gitEnvironment })
  return output.split('\0').slice(0, -1).toSorted()
}

const gitEnvironment = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }

function workspace(t: Test, tree: Record<string, string>) {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'list-')))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const root = join(base, 'proj')
  mkdirSync(root)
  for (const [path, content] of Object.entries(tree)) tryToWrite(join(root, path), content)
  return { root, files: createFiles({ root, cwd: root, runMemory: createRunFilesMemory() }) }
}

/** Random trees may want a file and a folder of one name; the first stays. */
function tryToWrite(path: string, content: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, content)
  } catch {
    return
  }
}
