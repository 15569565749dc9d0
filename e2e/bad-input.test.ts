import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import tap, { before, test } from 'tap'
import type { Test } from 'tap'
import { stopDaemon } from '#demo/stop-daemon'
import { createSystem, programPath, run } from '#support/system'
import type { Ended, System } from '#support/system'

const hello = { steps: [{ text: 'Hello.' }] }

/** What a user sees: the exit code, and one sentence that names the thing and the next step. */
function saysOnce(t: Test, ended: Ended, expected: { code: number; says: RegExp }): void {
  t.equal(ended.code, expected.code, ended.stderr)
  const sentences = ended.stderr.split('\n').filter((line) => line !== '' && !line.includes('starting codegend'))
  t.equal(sentences.length, 1, ended.stderr)
  t.match(sentences[0], expected.says)
  t.notMatch(ended.stderr, /\n\s+at /, 'no stack')
}

const unreachable: { title: string; env: NodeJS.ProcessEnv; code: number; says: RegExp }[] = [
  {
    title: 'no model',
    env: { OPENAI_API_KEY: '', OPENAI_BASE_URL: '', CODEGEN_MODEL: '' },
    code: 1,
    says: /OPENAI_API_KEY.*OPENAI_BASE_URL=http.*npm run demo.*codegen daemon restart/,
  },
  {
    title: 'an unknown model',
    env: { CODEGEN_MODEL: 'nope' },
    code: 1,
    says: /no model nope; it offers scripted.*CODEGEN_MODEL/,
  },
  {
    title: 'no Postgres',
    env: { DATABASE_URL: 'postgres://127.0.0.1:1/x' },
    code: 4,
    says: /Postgres cannot be reached.*DATABASE_URL/,
  },
  { title: 'no Redis', env: { REDIS_URL: 'redis://127.0.0.1:1' }, code: 4, says: /Redis cannot be reached.*REDIS_URL/ },
  {
    title: 'no Maestro',
    env: { CODEGEN_MAESTRO_URL: 'ws://127.0.0.1:1/v1/executor', CODEGEN_TOKEN: 'x' },
    code: 4,
    says: /Maestro at ws:\/\/127\.0\.0\.1:1\/v1\/executor cannot be reached/,
  },
  {
    title: 'a model that is not there',
    env: { OPENAI_BASE_URL: 'http://127.0.0.1:1/v1' },
    code: 1,
    says: /No model server listens at http:\/\/127\.0\.0\.1:1\/v1.*OPENAI_BASE_URL/,
  },
]
let system: System

before(async () => {
  // One home for all: codegend is started anew for each environment, and its Postgres is made once.
  system = await createSystem(tap, { scenario: { ...hello, api_key: 'sk-right' }, env: { OPENAI_API_KEY: 'sk-right' } })
})

for (const { title, env, code, says } of unreachable) {
  test(`${title} is one sentence that says what to set`, async (t) => {
    saysOnce(t, await system.codegen(['--auto', 'go'], { env }), { code, says })
    t.strictSame(await stopDaemon(system.home), [])
  })
}

test('a wrong key is one sentence, and the key is in no message and no log', async (t) => {
  const ended = await system.codegen(['--auto', 'go'], { env: { OPENAI_API_KEY: 'sk-wrong-canary' } })
  saysOnce(t, ended, { code: 1, says: /OPENAI_API_KEY/ })
  t.notMatch(ended.stdout + ended.stderr, 'canary')
  t.notMatch(await readFile(join(system.home, 'log', 'codegend.log'), 'utf8'), 'canary')
  t.strictSame(await stopDaemon(system.home), [])
})

test('what cannot be a prompt, an option or a run is refused before anything starts', async (t) => {
  const asked = system.model.requests.length
  saysOnce(t, await system.codegen(['--auto', '']), { code: 2, says: /prompt is empty/ })
  saysOnce(t, await system.codegen(['--auto', 'a\u001b[2Jb']), {
    code: 2,
    says: /control character \(0x1b\) at position 2/,
  })
  saysOnce(t, await system.codegen(['--atuo', 'go']), { code: 2, says: /no option --atuo/ })
  const flood = await system.codegen(['--auto'], { input: 'x'.repeat(10_000_000) })
  saysOnce(t, flood, { code: 2, says: /prompt/ })
  t.equal(system.model.requests.length, asked)
})

test('a socket path that no socket can have names the variable', async (t) => {
  const long = join(system.home, 'x'.repeat(120))
  saysOnce(t, await system.codegen(['--auto', 'go'], { env: { CODEGEN_HOME: long } }), {
    code: 2,
    says: /CODEGEN_SOCKET/,
  })
})

test('an unknown key in the configuration is named, with the nearest known one', async (t) => {
  const file = join(system.home, 'config.json')
  await writeFile(file, '{"remoteRoot": []}', { mode: 0o600 })
  t.teardown(() => rm(file))
  saysOnce(t, await system.codegen(['--auto', 'go']), { code: 4, says: /unknown key "remoteRoot".*"remoteRoots"/ })
})

test('maestro says what is wrong with its flags and variables, and leaves', async (t) => {
  const maestro = (parameters: string[], env: NodeJS.ProcessEnv) =>
    run(['--conditions=codegen-source', programPath('maestro', 'bin', 'maestro.js'), ...parameters], {
      env: { ...system.env, ...env },
    })
  saysOnce(t, await maestro(['--prt', '1'], {}), { code: 2, says: /--prt.*maestro --help/ })
  saysOnce(t, await maestro(['replay'], {}), { code: 2, says: /needs a run.*maestro replay --help/ })
  saysOnce(t, await maestro([], { MAESTRO_PORT: 'x' }), { code: 2, says: /MAESTRO_PORT.*"x"/ })
  saysOnce(t, await maestro([], { MAESTRO_TOKENS: 'short' }), { code: 2, says: /MAESTRO_TOKENS.*16 characters/ })
  saysOnce(t, await maestro([], { DATABASE_URL: 'mysql://x' }), { code: 2, says: /DATABASE_URL/ })
})
