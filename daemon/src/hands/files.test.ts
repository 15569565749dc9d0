import { execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import type { Files } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { createFiles, isProtectedTarget } from '#hands/files'
import { isProtectedPath } from '#hands/protected-path'
import { createRunFilesMemory } from '#hands/run-files-memory'
import { limits } from '#limits'
import { bytesReadBy } from './test-bytes-read.ts'

const bytesMax = 1024 * 1024

test('a path that leads out of the root is refused, however it is written (FT-01, FT-02, FT-03)', async (t) => {
  const { outside, root, files } = workspace(t)
  writeFileSync(join(outside, 'secret'), 'secret')
  mkdirSync(`${root}2`)
  writeFileSync(`${root}2/secret`, 'secret')
  symlinkSync(join(outside, 'secret'), join(root, 'link'))
  symlinkSync(outside, join(root, 'folder-link'))

  const paths = [
    '../../etc/passwd',
    '/etc/passwd',
    `${root}2/secret`,
    '../proj2/secret',
    'link',
    'folder-link/secret',
    '..',
    '/',
  ]
  for (const path of paths) {
    t.match(await failureOf(files.read(path, { bytesMax })), { code: 'file.outside_workspace' }, `read ${path}`)
    t.match(await failureOf(files.write(path, Buffer.from('x'))), { code: 'file.outside_workspace' }, `write ${path}`)
    t.match(await failureOf(files.stat(path)), { code: 'file.outside_workspace' }, `stat ${path}`)
  }
  t.match(await failureOf(files.write('folder-link/new/file', Buffer.from('x'))), { code: 'file.outside_workspace' })
  t.match(await failureOf(files.list('folder-link', { depth: 1, entriesMax: 10 })), { code: 'file.outside_workspace' })
  t.same(readdirSync(outside), ['secret'])
  t.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret')
})

test('absolute paths and links that stay inside the root work', async (t) => {
  const { root, files } = workspace(t)
  mkdirSync(join(root, 'src'))
  writeFileSync(join(root, 'src/a.txt'), 'one')
  symlinkSync('src', join(root, 'also'))

  const content = await files.read(join(root, 'also/a.txt'), { bytesMax })
  t.equal(content.path, join(root, 'src/a.txt'))
  await files.write('also/a.txt', Buffer.from('two'))
  t.equal(readFileSync(join(root, 'src/a.txt'), 'utf8'), 'two')
  t.equal((await files.stat('also'))?.kind, 'folder')
  t.equal(await files.stat('nothing'), undefined)
})

test('a root that is reached through a link works on its real path (FT-39)', async (t) => {
  const { root } = workspace(t)
  writeFileSync(join(root, 'a.txt'), 'one')
  symlinkSync(root, `${root}-link`)
  const canonical = realpathSync(`${root}-link`)
  t.equal(canonical, root)

  const files = createFiles({ root: canonical, cwd: canonical, runMemory: createRunFilesMemory() })
  await files.read(`${root}-link/a.txt`, { bytesMax })
  await files.write(`${root}-link/new/b.txt`, Buffer.from('two'))
  t.equal(readFileSync(join(root, 'new/b.txt'), 'utf8'), 'two')
})

test('a root that is swapped for a link after the run started gives nothing away', async (t) => {
  const { outside, root, files } = workspace(t)
  writeFileSync(join(outside, 'a.txt'), 'secret')
  renameSync(root, `${root}-moved`)
  symlinkSync(outside, root)
  t.match(await failureOf(files.read('a.txt', { bytesMax })), { code: 'file.outside_workspace' })
  t.match(await failureOf(files.write('b.txt', Buffer.from('x'))), { code: 'file.outside_workspace' })
  t.same(readdirSync(outside), ['a.txt'])
})

test('what cannot be a path is a bad path (FT-29)', async (t) => {
  const { root, files } = workspace(t)
  writeFileSync(join(root, 'file'), '')
  symlinkSync('loop', join(root, 'loop'))
  const bad = ['', 'a\0b', 'x'.repeat(4097), '/x'.repeat(1_001), 'x'.repeat(300), 'file/below', 'loop']
  for (const path of bad) {
    t.match(await failureOf(files.read(path, { bytesMax })), { code: 'file.bad_path' }, `read ${path.slice(0, 20)}`)
    t.match(
      await failureOf(files.write(path, Buffer.from('x'))),
      { code: 'file.bad_path' },
      `write ${path.slice(0, 20)}`,
    )
  }
  t.match(await failureOf(files.write('folder/', Buffer.from('x'))), { code: 'file.bad_path' })
})

test('a link to nothing is no target, and what it names is not created (FT-06)', async (t) => {
  const { outside, root, files } = workspace(t)
  symlinkSync(join(outside, 'created'), join(root, 'dangling'))
  symlinkSync('also-created', join(root, 'dangling-inside'))
  t.match(await failureOf(files.write('dangling', Buffer.from('x'))), { code: 'file.bad_path' })
  t.match(await failureOf(files.write('dangling-inside', Buffer.from('x'))), { code: 'file.bad_path' })
  t.match(await failureOf(files.write('dangling/below', Buffer.from('x'))), { code: 'file.bad_path' })
  t.match(await failureOf(files.read('dangling', { bytesMax })), { code: 'file.not_found' })
  t.same(readdirSync(outside), [])
  t.notOk(existsSync(join(root, 'also-created')))
})

test('anything but a regular file is refused at once (FT-10, FT-12)', async (t) => {
  const { root, files } = workspace(t)
  execFileSync('mkfifo', [join(root, 'fifo')])
  mkdirSync(join(root, 'folder'))
  const server = createServer().listen(join(root, 'socket'))
  await new Promise((resolve) => server.once('listening', resolve))
  t.teardown(() => server.close())
  symlinkSync('fifo', join(root, 'fifo-link'))

  const devices = createFiles({ root: '/dev', cwd: '/dev', runMemory: createRunFilesMemory() })
  const attempts: [Files, string][] = [
    [files, 'fifo'],
    [files, 'fifo-link'],
    [files, 'socket'],
    [files, 'folder'],
    [files, '.'],
    ...['zero', 'random', 'tty', 'null'].map((name): [Files, string] => [devices, name]),
  ]
  for (const [from, path] of attempts) {
    const read = await bytesReadBy(async () => {
      t.match(await failureOf(from.read(path, { bytesMax })), { code: 'file.not_regular' }, `read ${path}`)
      t.match(await failureOf(from.readHead(path, { bytesMax })), { code: 'file.not_regular' }, `head of ${path}`)
      t.match(await failureOf(from.write(path, Buffer.from('x'))), { code: 'file.not_regular' }, `write ${path}`)
    })
    t.ok((read ?? 0) < 1_000_000, `${path} is not read: ${read} bytes`)
  }
})

test('a file over the bound is refused by size, and its head can be read', async (t) => {
  const { root, files } = workspace(t)
  writeFileSync(join(root, 'big'), 'head')
  truncateSync(join(root, 'big'), 1_000_000_000)
  t.match(await failureOf(files.read('big', { bytesMax })), { code: 'file.too_big' })
  const head = await files.readHead('big', { bytesMax: 4 })
  t.same([Buffer.from(head.bytes).toString(), head.size], ['head', 1_000_000_000])
})

test('a file that states no size is read to its end', async (t) => {
  const files = createFiles({ root: '/proc/self', cwd: '/proc/self', runMemory: createRunFilesMemory() })
  const real = realpathSync('/proc/self')
  const own = createFiles({ root: real, cwd: real, runMemory: createRunFilesMemory() })
  t.match(await failureOf(files.read('status', { bytesMax })), { code: 'file.outside_workspace' })
  t.match(Buffer.from((await own.read('status', { bytesMax })).bytes).toString(), /^Name:/)
})

test('a readable root may be read by its absolute path, but not written or listed', async (t) => {
  const { outside, root } = workspace(t)
  writeFileSync(join(outside, 'output.txt'), 'whole output')
  const options = { root, cwd: root, runMemory: createRunFilesMemory(), readableRoots: [outside] }
  const files = createFiles(options)
  const path = join(outside, 'output.txt')
  t.equal(Buffer.from((await files.read(path, { bytesMax })).bytes).toString(), 'whole output')
  t.match(await failureOf(files.write(path, Buffer.from('x'))), { code: 'file.outside_workspace' })
  t.match(await failureOf(files.list(outside, { depth: 1, entriesMax: 10 })), { code: 'file.outside_workspace' })
  t.match(await failureOf(files.read(join(outside, '../other'), { bytesMax })), { code: 'file.outside_workspace' })
})

test('a write makes folders, keeps the mode and leaves a hard link alone (FT-08)', async (t) => {
  const { outside, root, files } = workspace(t)
  const made = await files.write('a/b/c.txt', Buffer.from('new'))
  t.match(made, { created: true, size: 3, kind: 'file', path: join(root, 'a/b/c.txt') })

  writeFileSync(join(outside, 'original'), 'original')
  linkSync(join(outside, 'original'), join(root, 'script.sh'))
  chmodSync(join(root, 'script.sh'), 0o751)
  const replaced = await files.write('script.sh', Buffer.from('changed'))
  t.equal(replaced.created, false)
  t.equal(statSync(join(root, 'script.sh')).mode & 0o777, 0o751)
  t.equal(readFileSync(join(root, 'script.sh'), 'utf8'), 'changed')
  t.equal(readFileSync(join(outside, 'original'), 'utf8'), 'original')
  t.same(readdirSync(root).toSorted(), ['a', 'script.sh'], 'no temporary file stays')
})

test('a write happens only onto the content it was made from', async (t) => {
  const { root, files } = workspace(t)
  writeFileSync(join(root, 'a.txt'), 'one')
  const { digest } = await files.read('a.txt', { bytesMax })
  writeFileSync(join(root, 'a.txt'), 'somebody else')

  t.match(await failureOf(files.write('a.txt', Buffer.from('two'), { ifDigest: digest })), { code: 'file.changed' })
  t.match(await failureOf(files.write('a.txt', Buffer.from('two'), { ifDigest: null })), { code: 'file.changed' })
  t.match(await failureOf(files.write('gone.txt', Buffer.from('two'), { ifDigest: digest })), { code: 'file.changed' })
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'somebody else')
  t.same(readdirSync(root), ['a.txt'])

  const again = await files.read('a.txt', { bytesMax })
  await files.write('a.txt', Buffer.from('two'), { ifDigest: again.digest })
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), 'two')
})

test('of many writes from one content exactly one happens (FT-22)', async (t) => {
  const { root, files } = workspace(t)
  writeFileSync(join(root, 'a.txt'), 'start')
  const { digest } = await files.read('a.txt', { bytesMax })
  const writes = Array.from({ length: 20 }, (_, index) =>
    files.write('a.txt', Buffer.from(`writer ${index}`), { ifDigest: digest }),
  )
  const settled = await Promise.allSettled(writes)
  const winners = settled.flatMap((one, index) => (one.status === 'fulfilled' ? [index] : []))
  t.equal(winners.length, 1)
  t.equal(readFileSync(join(root, 'a.txt'), 'utf8'), `writer ${winners[0]}`)
})

test('a reader meets the old or the new content, never a mixture', async (t) => {
  const { root, files } = workspace(t)
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat({ max: 400_000 }), { minLength: 2, maxLength: 6 }), async (sizes) => {
      const contents = sizes.map((size, index) => Buffer.alloc(size + 1, 97 + index))
      await files.write('a.txt', contents[0] ?? Buffer.alloc(0))
      const writing = Promise.all(contents.map((content) => files.write('a.txt', content)))
      for (let reads = 0; reads < 20; reads++) {
        const seen = readFileSync(join(root, 'a.txt'))
        if (!contents.some((content) => content.equals(seen))) return false
        await new Promise((resolve) => setImmediate(resolve))
      }
      await writing
      return readdirSync(root).length === 1
    }),
    { numRuns: 20 },
  )
})

test('no path leaves the root', async (t) => {
  const { base, outside, root, files } = workspace(t)
  writeFileSync(join(outside, 'secret'), 'secret')
  mkdirSync(join(root, 'in/deep'), { recursive: true })
  symlinkSync(outside, join(root, 'out'))
  symlinkSync('../..', join(root, 'in/up'))
  symlinkSync(join(outside, 'nothing'), join(root, 'dangling'))
  const part = fc.constantFrom('..', '.', '', 'in', 'deep', 'up', 'out', 'dangling', 'secret', 'outside', 'proj', 'new')
  const path = fc
    .tuple(fc.constantFrom('', '/', `${root}/`, `${base}/`), fc.array(part, { maxLength: 8 }))
    .map(([start, parts]) => start + parts.join('/'))

  await fc.assert(
    fc.asyncProperty(path, async (candidate) => {
      const read = await files.read(candidate, { bytesMax }).catch(() => undefined)
      if (read && !read.path.startsWith(`${root}/`)) return false
      const written = await files.write(candidate, Buffer.from('written')).catch(() => undefined)
      if (written && !written.path.startsWith(`${root}/`)) return false
      rmSync(join(root, 'new'), { recursive: true, force: true })
      return readdirSync(base).toSorted().join() === 'outside,proj' && readdirSync(outside).join() === 'secret'
    }),
    { numRuns: 300 },
  )
  t.equal(readFileSync(join(outside, 'secret'), 'utf8'), 'secret')
})

test('a folder that is swapped for a link all the time never lets a write or a read out', async (t) => {
  const { outside, root, files } = workspace(t)
  writeFileSync(join(outside, 'a.txt'), 'secret')
  mkdirSync(join(root, 'folder'))
  writeFileSync(join(root, 'folder/a.txt'), 'inside')
  const swapper = spawn(process.execPath, ['-e', swapForever, join(root, 'folder'), outside])
  const ended = new Promise((resolve) => swapper.once('exit', resolve))
  t.teardown(() => swapper.kill('SIGKILL'))
  await new Promise((resolve) => swapper.stdout.once('data', resolve))

  const until = performance.now() + 1_000
  let [done, refused] = [0, 0]
  while (performance.now() < until) {
    const content = await files.read('folder/a.txt', { bytesMax }).catch(() => undefined)
    if (content && Buffer.from(content.bytes).toString() === 'secret') t.fail('a read got out')
    await files.write('folder/a.txt', Buffer.from('inside')).then(
      () => done++,
      () => refused++,
    )
  }
  t.equal(swapper.exitCode, null, 'the folder was swapped all the time')
  swapper.kill('SIGKILL')
  await ended
  t.ok(done > 0 && refused > 0, `both happened: ${done} done, ${refused} refused`)
  t.same(readdirSync(outside), ['a.txt'])
  t.equal(readFileSync(join(outside, 'a.txt'), 'utf8'), 'secret')
})

test('a full disk leaves the old content and no temporary file (FT-20)', { skip: withoutMounts() }, (t) => {
  const output = runOnDisk(t, 'size=256k', [
    `await files.write('a.txt', Buffer.alloc(100_000, 'a'))`,
    `await files.write('a.txt', Buffer.alloc(500_000, 'b')).catch((error) => console.log(error.code))`,
    `console.log(readFileSync(root + '/a.txt', 'utf8') === 'a'.repeat(100_000), readdirSync(root).join())`,
  ])
  t.equal(output, 'file.unwritable\ntrue a.txt\n')
  t.end()
})

test('a read-only disk is a typed failure (FT-35)', { skip: withoutMounts() }, (t) => {
  const attempt = `await files.write('a/b.txt', Buffer.from('x')).catch((error) => console.log(error.code, error.message))`
  t.equal(runOnDisk(t, 'ro', [attempt]), 'file.unwritable a/b.txt is on a read-only disk.\n')
  t.end()
})

test('what the owner of the daemon may not read or write is a typed failure', async (t) => {
  const { base, root, files } = workspace(t)
  chmodSync(base, 0o755)
  writeFileSync(join(root, 'secret'), 'x', { mode: 0o000 })
  mkdirSync(join(root, 'closed'), { mode: 0o555 })
  const { geteuid, seteuid } = process
  if (geteuid?.() === 0) {
    seteuid?.(65_534)
    t.teardown(() => seteuid?.(0))
  }
  t.match(await failureOf(files.read('secret', { bytesMax })), { code: 'file.unreadable' })
  t.match(await failureOf(files.write('closed/new', Buffer.from('x'))), { code: 'file.unwritable' })
  t.match(await failureOf(files.write('closed/new/below', Buffer.from('x'))), { code: 'file.unwritable' })
})

test(
  'a file that was made read-only stays as it is',
  { skip: process.getuid?.() === 0 && 'root may write anything' },
  async (t) => {
    const { root, files } = workspace(t)
    writeFileSync(join(root, 'fixed'), 'x', { mode: 0o444 })
    t.match(await failureOf(files.write('fixed', Buffer.from('y'))), { code: 'file.unwritable' })
  },
)

test('a run remembers what it last saw, by real path', async (t) => {
  const { root, files } = workspace(t)
  writeFileSync(join(root, 'a.txt'), 'one')
  symlinkSync('a.txt', join(root, 'b.txt'))
  t.equal(await files.lastSeen('a.txt'), undefined)
  await files.read('a.txt', { bytesMax, shown: false })
  t.equal(await files.lastSeen('a.txt'), undefined, 'what was not shown was not seen')

  const { digest } = await files.read('b.txt', { bytesMax })
  t.equal(await files.lastSeen('a.txt'), digest)
  await files.write('a.txt', Buffer.from('two'))
  t.equal(await files.lastSeen('b.txt'), (await files.read('a.txt', { bytesMax, shown: false })).digest)
})

test('the memory of a run is bounded and forgets what was seen longest ago', (t) => {
  const memory = createRunFilesMemory()
  for (let index = 0; index < limits.filesRememberedMax; index++) memory.saw(`/${index}`, 'd')
  memory.saw('/0', 'again')
  memory.saw('/new', 'd')
  t.equal(memory.digestOf('/0'), 'again')
  t.equal(memory.digestOf('/1'), undefined)
  t.equal(memory.digestOf('/2'), 'd')
  t.end()
})

test('paths that decide what runs later are protected in every spelling (FT-26, FT-27, FT-33)', (t) => {
  const yes = [
    ...['.git/hooks/pre-commit', '.git/config', 'sub/.git/config', '.git', '.bashrc', '.vscode/tasks.json'],
    ...['.codegen/config.json', '.codegen/plugins/x/plugin.js', '.codegen/plan.md/x', '.husky/pre-commit', '.ssh/rc'],
    ...[
      '.GIT/hooks/x',
      '.Git/config',
      '.BASHRC',
      '.VSCode/tasks.json',
      '.g\u200cit/config',
      '.git./config',
      '.git /config',
    ],
    ...['GIT~1/config', '.git::$INDEX_ALLOCATION/config', '.gi\uff54/config', '.vſcode/tasks.json', '.git\\config', ''],
    ...['plugins/x/plugin.js', 'PLUGINS/x'],
  ]
  const no = [
    ...[
      'src/a.ts',
      '.gitignore',
      '.github/workflows/ci.yml',
      'git/config',
      'bashrc',
      '.codegen/plan.md',
      '.CodeGen/PLAN.md',
    ],
    ...['src/plugins/x', 'pluginsx/y'],
  ]
  for (const path of yes) t.ok(isProtectedPath(path, ['plugins']), path)
  for (const path of no) t.notOk(isProtectedPath(path, ['plugins']), path)
  t.notOk(isProtectedPath('plugins/x'))
  t.end()
})

test('a protected path is refused without consent, also through a link and when absent (FT-33)', async (t) => {
  const { root } = workspace(t)
  mkdirSync(join(root, '.git'))
  symlinkSync('.git', join(root, 'link'))
  const options = { root, cwd: root, runMemory: createRunFilesMemory() }
  const guarded = createFiles({ ...options, refuseProtected: true })
  for (const path of ['.git/hooks/pre-commit', 'link/config', '.vscode/tasks.json', '.bashrc']) {
    t.match(await failureOf(guarded.write(path, Buffer.from('x'))), { code: 'tool.denied' }, path)
    t.equal(await isProtectedTarget(options, path), true)
  }
  t.same(readdirSync(join(root, '.git')), [])
  t.equal(await isProtectedTarget(options, 'src/a.ts'), false)
  await guarded.write('src/a.ts', Buffer.from('x'))
  await createFiles(options).write('.bashrc', Buffer.from('allowed'))
  t.equal(readFileSync(join(root, '.bashrc'), 'utf8'), 'allowed')
})

/** A write that finds no folder makes one, so each step may fail. */
const swapForever = `
  const fs = require('fs'), [folder, outside] = process.argv.slice(1)
  const attempt = (step) => { try { step() } catch {} }
  process.stdout.write('started')
  for (;;) {
    attempt(() => fs.renameSync(folder, folder + '-away'))
    attempt(() => fs.symlinkSync(outside, folder))
    attempt(() => fs.unlinkSync(folder))
    attempt(() => fs.rmSync(folder, { recursive: true }))
    attempt(() => fs.renameSync(folder + '-away', folder))
  }`

function workspace(t: Test) {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'files-')))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const [root, outside] = [join(base, 'proj'), join(base, 'outside')]
  mkdirSync(root)
  mkdirSync(outside)
  return { base, outside, root, files: createFiles({ root, cwd: root, runMemory: createRunFilesMemory() }) }
}

/** The Failure an attempt ended with; whatever else became of it is shown by the comparison. */
function failureOf(attempt: Promise<unknown>): Promise<unknown> {
  return attempt.catch((thrown: unknown) => (thrown instanceof Failure ? thrown : { notOurs: thrown }))
}

function withoutMounts(): string | false {
  try {
    execFileSync('unshare', [...namespace(), 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()], { stdio: 'ignore' })
    return false
  } catch {
    return 'no mount namespace here'
  }
}

function namespace(): string[] {
  return process.getuid?.() === 0 ? ['--mount'] : ['--user', '--map-root-user', '--mount']
}

/** Runs statements on the files of a small disk of its own and returns what they print. */
function runOnDisk(t: Test, mountOptions: string, statements: string[]): string {
  const { root } = workspace(t)
  const script = [
    `import { readFileSync, readdirSync } from 'node:fs'`,
    `import { createFiles } from '${import.meta.resolve('#hands/files')}'`,
    `import { createRunFilesMemory } from '${import.meta.resolve('#hands/run-files-memory')}'`,
    `const root = ${JSON.stringify(root)}`,
    `const files = createFiles({ root, cwd: root, runMemory: createRunFilesMemory() })`,
    ...statements,
  ].join('\n')
  const mount = 'mount -t tmpfs -o "$1" tmpfs "$2" && exec "$3" --conditions=codegen-source --input-type=module -e "$4"'
  const command = ['sh', '-c', mount, 'sh', mountOptions, root, process.execPath, script]
  return execFileSync('unshare', [...namespace(), ...command], { encoding: 'utf8' })
}
