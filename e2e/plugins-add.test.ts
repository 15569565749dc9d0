import { execFile } from 'node:child_process'
import { access, appendFile, cp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import tap, { before, test } from 'tap'
import { startNpmRegistry } from '#support/npm-registry'
import type { NpmRegistry } from '#support/npm-registry'
import { createSystem, programPath } from '#support/system'
import type { Ended, System } from '#support/system'

tap.setTimeout(300_000)
let system: System
let registry: NpmRegistry
let author: string

before(async () => {
  registry = await startNpmRegistry(tap)
  system = await createSystem(tap, {
    scenario: { conversations: [{ name: 'none', when: 'nothing', steps: [{ text: 'none' }] }] },
    env: { npm_config_registry: registry.url },
  })
  author = join(dirname(system.home), 'author')
  await cp(programPath('e2e', 'fixtures', 'plugins', 'hello'), author, { recursive: true })
})

const add = (source: string, ...more: string[]): Promise<Ended> => system.codegen(['plugins', 'add', source, ...more])
const installed = (...names: string[]): string => join(system.home, 'plugins', ...names)
const lock = async () => JSON.parse(await readFile(join(system.home, 'plugins.lock.json'), 'utf8')).plugins
const edit = async (file: string, from: string, to: string): Promise<void> =>
  writeFile(file, (await readFile(file, 'utf8')).replace(from, to))
const git = (...words: string[]) =>
  promisify(execFile)('git', ['-c', 'user.name=T', '-c', 'user.email=t@localhost', ...words], { cwd: author })
const greet = async (): Promise<string> =>
  (await system.codegen(['tools', 'call', 'HelloLook', '{"file": "a.txt"}', '--auto'])).stdout

test('a folder is copied, shown with what it asks for, and served after the yes', async (t) => {
  await mkdir(join(author, 'node_modules', 'only-for-its-author'), { recursive: true })
  const waiting = await add(author)
  t.match(waiting, { code: 0, stdout: /hello 1\.0\.0\n.*without \.git and node_modules\n.*asks for +reads workspace/ })
  t.match(waiting.stderr, /waits for your yes: codegen plugins allow hello/)
  t.same((await readdir(installed('hello'))).toSorted(), ['package.json', 'plugin.js'])
  t.match(await add(author, '--yes'), { code: 0, stdout: /reads workspace\n[^]*serves +Hello, HelloLook/ })
  t.match(await greet(), /"text":"one\\n"/)
  t.match(await lock(), { hello: { source: author, version: '1.0.0', digest: /^[0-9a-f]{32}$/ } })
  t.same(await readdir(installed()), ['hello'], 'nothing else is left')
})

test('an update says what changes in what it asks for; without a yes the version before serves on', async (t) => {
  await edit(join(author, 'package.json'), '"1.0.0"', '"1.1.0"')
  t.match(await add(author), { code: 0, stdout: /hello 1\.0\.0 -> 1\.1\.0\n[^]*what it asked for before/ })
  await edit(join(author, 'package.json'), '"permissions": {', '"permissions": { "exec": true,')
  const asked = await add(author)
  t.match(asked.stdout, /as before +reads workspace\n +new +runs commands/)
  t.match(asked.stderr, /waits for your yes/)
  t.match(await greet(), /"text":"one\\n"/)
  t.match(await add(author, '--yes'), { code: 0, stdout: /serves/ })
})

test('files that were changed by hand are named', async (t) => {
  t.notMatch((await system.codegen(['plugins'])).stdout, /changed by hand/)
  await appendFile(installed('hello', 'plugin.js'), '// mine\n')
  t.match((await system.codegen(['plugins', 'list'])).stdout, /hello: .*changed by hand/)
  t.match(JSON.parse((await system.codegen(['plugins', '--json'])).stdout), { source: author, changed_by_hand: true })
  t.match(await system.codegen(['plugins', 'remove', 'hello']), { code: 0, stdout: /hello is removed from/ })
  t.same(await readdir(installed()), [])
  t.same(await lock(), {})
})

test('a git repository is fetched at a branch, a tag or a commit, and nothing of it runs', async (t) => {
  const proof = join(dirname(system.home), 'proof')
  await rm(join(author, 'node_modules'), { recursive: true })
  await git('init', '--quiet', '--initial-branch=main')
  await writeFile(join(author, '.npmrc'), `git=${proof}\n`)
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'one')
  await git('tag', 'v1')
  await writeFile(join(author, '.git', 'hooks', 'post-checkout'), `#!/bin/sh\ntouch ${proof}\n`, { mode: 0o755 })
  const first = (await git('rev-parse', 'HEAD')).stdout.trim()
  await edit(join(author, 'package.json'), '"1.1.0"', '"2.0.0"')
  await git('commit', '--quiet', '--all', '--message', 'two')
  const url = `file://${author}`
  t.match(await add(`${url}#v1`, '--yes'), { code: 0, stdout: /hello 1\.1\.0/ })
  t.match(await lock(), { hello: { source: `${url}#v1`, commit: first, version: '1.1.0' } })
  t.match(await add(url, '--yes'), { code: 0, stdout: /hello 1\.1\.0 -> 2\.0\.0/ })
  t.match(await add(`${url}#${first}`, '--yes'), { code: 0, stdout: /hello 2\.0\.0 -> 1\.1\.0/ })
  t.notOk((await readdir(installed('hello'))).includes('.git'))
  await t.rejects(access(proof))
  t.match(await add(`${url}#nowhere`), { code: 2, stderr: /has no branch, tag or commit nowhere/ })
  t.match(await add('file:///nowhere.git'), { code: 2, stderr: /git could not fetch file:\/\/\/nowhere\.git/ })
  await system.codegen(['plugins', 'remove', 'hello'])
})

test('an npm package comes with what it depends on, pinned, and no install script runs', async (t) => {
  const proof = join(dirname(system.home), 'proof')
  const scripts = { preinstall: `touch ${proof}`, install: `touch ${proof}`, postinstall: `touch ${proof}` }
  const code =
    "import { word } from 'the-word'\nexport default { tools: [{ name: 'Word', description: '', annotations: { readOnly: true }, parameters: { type: 'object' }, run: () => word }] }\n"
  await registry.publish({
    manifest: { name: 'the-word', version: '1.0.0', type: 'module', exports: './w.js', scripts },
    files: { 'w.js': "export const word = 'plugh'\n" },
  })
  const manifest = {
    name: '@acme/words',
    type: 'module',
    scripts,
    dependencies: { 'the-word': '^1.0.0' },
    codegen: { api: 1, main: './plugin.js' },
  }
  await registry.publish({ manifest: { ...manifest, version: '1.0.0' }, files: { 'plugin.js': code } })
  t.match(await add('@acme/words', '--yes'), { code: 0, stdout: /@acme\/words 1\.0\.0[^]*serves +Word/ })
  t.match(await system.codegen(['tools', 'call', 'Word', '{}', '--auto']), { code: 0, stdout: 'plugh\n' })
  t.match(await lock(), {
    '@acme/words': { source: 'npm:@acme/words@latest', version: '1.0.0', integrity: /^sha512-/ },
  })
  await t.rejects(access(proof))
  t.match(await add('nothing-of-that-name'), { code: 2, stderr: /npm has no package nothing-of-that-name@latest/ })
  t.match(await add('@acme/words@9'), { code: 2, stderr: /npm has no such version: @acme\/words@9/ })
  const offline = await system.codegen(['plugins', 'add', 'the-word'], {
    env: { npm_config_registry: 'http://127.0.0.1:9' },
  })
  t.match(offline, { code: 2, stderr: /registry cannot be reached \(ECONNREFUSED\)/ })
  t.match(await add('the-word'), { code: 1, stderr: /It is no plugin/ })
  t.same(await readdir(installed()), ['@acme__words'], 'what failed left nothing')
})

test('what a repository says to npm is not heard, wherever it says it', async (t) => {
  const folder = join(dirname(system.home), 'told')
  await mkdir(join(folder, 'etc'), { recursive: true })
  const manifest = { name: 'told', version: '1.0.0', type: 'module', dependencies: { 'the-word': '^1.0.0' } }
  const codegen = { api: 1, main: './plugin.js' }
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, codegen }))
  const code =
    "import { word } from 'the-word'\nexport default { tools: [{ name: 'Told', description: '', parameters: { type: 'object' }, run: () => word }] }\n"
  await writeFile(join(folder, 'plugin.js'), code)
  for (const file of ['.npmrc', 'etc/npmrc']) await writeFile(join(folder, file), 'package-lock-only=true\n')
  const run = (...words: string[]) =>
    promisify(execFile)('git', ['-c', 'user.name=T', '-c', 'user.email=t@localhost', ...words], { cwd: folder })
  await run('init', '--quiet')
  await run('add', '--all')
  await run('commit', '--quiet', '--message', 'one')
  t.match(await add(`file://${folder}`, '--yes'), { code: 0, stdout: /told 1\.0\.0[^]*serves +Told/ })
  await system.codegen(['plugins', 'remove', 'told'])
})

test('what codegen did not put there is not replaced, and what is no source is told so', async (t) => {
  await rm(join(author, '.git'), { recursive: true })
  await cp(author, installed('hello'), { recursive: true })
  const refused = await add(author, '--yes')
  t.match(refused, { code: 2, stderr: /did not put there\. Take it away first: codegen plugins remove hello/ })
  t.match(await add('./nothing'), { code: 2, stderr: /There is no folder/ })
  t.match(await add('http://127.0.0.1/x.git'), { code: 2, stderr: /by https, ssh or from file/ })
  t.match(await add('https://me:secret@127.0.0.1/x.git'), { code: 2, stderr: /credential helper/ })
  t.match(await add('ext::sh -c id'), { code: 2, stderr: /is no folder/ })
  t.match(await system.codegen(['plugins', 'remove', 'nobody']), { code: 1, stderr: /There is no plugin nobody/ })
})
