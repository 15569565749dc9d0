import {
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  chmodSync,
  readdirSync,
  readFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import type { Test } from 'tap'
import { loadConfig } from './config.ts'
import { limits } from './limits.ts'
import { openLog } from './log.ts'
import { nearestWord } from './nearest-word.ts'
import { prepareHome } from './prepare-home.ts'

function newFolder(t: Test): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'codegen-config-')))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

function withFile(t: Test, content: unknown): string {
  const home = newFolder(t)
  writeFileSync(join(home, 'config.json'), typeof content === 'string' ? content : JSON.stringify(content))
  return home
}

test('without a file and variables there is a home below HOME and nothing else', (t) => {
  const home = newFolder(t)
  const config = loadConfig({ HOME: home })
  t.match(config, { home: join(home, '.codegen'), maestroUrl: undefined, remoteRoots: [], remoteApprovals: false })
  t.equal(config.readToken(), undefined)
  t.end()
})

test('every key of the file is read, and the environment wins', (t) => {
  const home = withFile(t, {
    maestro_url: 'wss://maestro.example/v1/executor',
    token_file: 'token',
    remoteRoots: ['/srv/work', { path: '/srv/ci', mode: 'auto' }],
    remoteApprovals: true,
    env: ['JIRA_URL'],
    allowedHosts: ['wiki.local'],
    requirePluginSandbox: true,
    model: { base_url: 'http://localhost:11434/v1', model: 'small', api_key_file: 'key' },
  })
  writeFileSync(join(home, 'token'), 'from-file\n')
  writeFileSync(join(home, 'key'), 'key-from-file\n')
  const config = loadConfig({ CODEGEN_HOME: home })
  t.match(config, {
    maestroUrl: 'wss://maestro.example/v1/executor',
    remoteRoots: [
      { path: '/srv/work', mode: 'ask' },
      { path: '/srv/ci', mode: 'auto' },
    ],
    remoteApprovals: true,
    commandEnvironment: ['JIRA_URL'],
    allowedHosts: ['wiki.local'],
    requirePluginSandbox: true,
    maestroEnvironment: {
      OPENAI_BASE_URL: 'http://localhost:11434/v1',
      CODEGEN_MODEL: 'small',
      OPENAI_API_KEY: 'key-from-file',
    },
  })
  t.equal(config.readToken(), 'from-file')
  writeFileSync(join(home, 'token'), 'renewed')
  t.equal(config.readToken(), 'renewed', 'without a restart (PR-23)')
  rmSync(join(home, 'token'))
  t.equal(config.readToken(), 'renewed')
  writeFileSync(join(home, 'token'), 'again')
  const variables = { CODEGEN_MAESTRO_URL: 'ws://other', CODEGEN_TOKEN: 'given', CODEGEN_MODEL: 'large' }
  const other = loadConfig({ CODEGEN_HOME: home, ...variables })
  t.match(other, { maestroUrl: 'ws://other', maestroEnvironment: { CODEGEN_MODEL: 'large' } })
  t.equal(other.readToken(), 'given')
  t.end()
})

test('what is wrong is one sentence that names the thing and what to do', (t) => {
  const wrong: [unknown, RegExp][] = [
    [{ maestro_ulr: 'x' }, /unknown key "maestro_ulr".*"maestro_url"/],
    [{ model: { base_uri: 'x' } }, /unknown key "model\.base_uri".*"model\.base_url"/],
    [{ remote_roots: [] }, /"remote_roots".*"remoteRoots"/],
    [{ maestro_url: 7 }, /"maestro_url" has to be a text/],
    [{ env: 'PATH' }, /"env" has to be a list/],
    [{ remoteRoots: ['work'] }, /"work", which is not an absolute path/],
    [{ remoteApprovals: 'yes' }, /"remoteApprovals" has to be true or false/],
    [{ remoteRoots: [{ path: '/srv', mode: 'all' }] }, /"remoteRoots" has to be a list/],
    [{ model: [] }, /"model" has to be an object/],
    [{ token_file: 'absent' }, /token_file/],
    ['{', /not JSON/],
    ['[]', /one JSON object/],
  ]
  for (const [content, message] of wrong) {
    t.throws(() => loadConfig({ CODEGEN_HOME: withFile(t, content) }), { code: 'config.invalid', message })
  }
  t.throws(() => loadConfig({}), { code: 'config.invalid', message: /HOME is not set/ })
  t.throws(() => loadConfig({ CODEGEN_HOME: 'relative' }), { code: 'config.invalid', message: /not an absolute path/ })
  t.end()
})

test('the nearest word is the one with the fewest changes', (t) => {
  t.equal(nearestWord('tokenfile', ['maestro_url', 'token_file', 'env']), 'token_file')
  t.equal(nearestWord('ENV', ['maestro_url', 'token_file', 'env']), 'env')
  t.equal(nearestWord('', ['abc', 'a']), 'a')
  t.end()
})

test('the home is made for its owner alone, closed to others, and refused where it is not safe (US-03)', (t) => {
  const base = newFolder(t)
  const home = join(base, 'a', 'home')
  const umask = process.umask(0)
  t.teardown(() => process.umask(umask))
  t.equal(prepareHome(home), home)
  t.equal(statSync(home).mode & 0o777, 0o700)
  chmodSync(home, 0o755)
  prepareHome(home)
  t.equal(statSync(home).mode & 0o777, 0o700)
  chmodSync(home, 0o770)
  t.throws(() => prepareHome(home), { code: 'config.invalid', message: /written by others/ })
  symlinkSync(home, join(base, 'link'))
  t.throws(() => prepareHome(join(base, 'link')), { code: 'config.invalid', message: /symbolic link/ })
  writeFileSync(join(base, 'file'), '')
  t.throws(() => prepareHome(join(base, 'file', 'home')), { code: 'config.invalid', message: /cannot be made/ })
  t.end()
})

test('the log is for its owner alone, keeps lines from before pino is there, and is bounded', async (t) => {
  const path = join(newFolder(t), 'log', 'codegend.log')
  mkdirSync(join(path, '..'))
  const log = openLog(path)
  log.info('first', { number: 1 })
  log.error('broke', new Error('because'))
  await log.close()
  log.info('after the end')
  const lines = readFileSync(path, 'utf8')
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line))
  t.match(lines, [
    { msg: 'first', number: 1 },
    { msg: 'broke', err: { message: 'because', stack: /config\.test/ } },
  ])
  t.equal(lines.length, 2)
  t.equal(statSync(path).mode & 0o777, 0o600)

  const large = openLog(path)
  await import('pino')
  const text = 'x'.repeat(1024 * 1024)
  for (let index = 0; index < 70; index += 1) large.info(text)
  await large.close()
  const sizes = readdirSync(join(path, '..')).map((name) => statSync(join(path, '..', name)).size)
  t.equal(sizes.length, limits.logFilesMax)
  t.ok(sizes.every((size) => size <= limits.logFileBytesMax))
})
