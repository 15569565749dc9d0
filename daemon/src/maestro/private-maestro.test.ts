import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { test } from 'tap'
import type { Test } from 'tap'
import { privateMaestroUrl, startPrivateMaestro } from './private-maestro.ts'
import type { PrivateMaestro } from './private-maestro.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }
const never = new AbortController().signal

type Stage = { maestro: PrivateMaestro; home: string; lives(): { pid: number; token: string; args: string[] }[] }

/** A program in Maestro's place: it notes each start and then does what `body` says. */
function start(t: Test, body: string): Stage {
  const home = mkdtempSync(join(tmpdir(), 'codegen-private-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const program = join(home, 'program.mjs')
  const notes = join(home, 'notes')
  writeFileSync(notes, '')
  writeFileSync(
    program,
    `import { appendFileSync, readFileSync } from 'node:fs'
     const lives = readFileSync(${JSON.stringify(notes)}, 'utf8').split('\\n').length
     const life = { pid: process.pid, token: process.env.MAESTRO_TOKENS, args: process.argv.slice(2) }
     appendFileSync(${JSON.stringify(notes)}, JSON.stringify(life) + '\\n')
     const ready = () => console.log(JSON.stringify({ ready: true }))
     process.stdin.on('end', () => process.exit(0)).resume()
     ${body}`,
  )
  const maestro = startPrivateMaestro({ home, environment: { PATH: process.env['PATH'] }, log: quiet, program })
  t.teardown(maestro.stop)
  const lives = (): ReturnType<Stage['lives']> =>
    readFileSync(notes, 'utf8')
      .split('\n')
      .filter(Boolean)
      .map((line): ReturnType<Stage['lives']>[number] => JSON.parse(line))
  return { maestro, home, lives }
}

function isAlive(pid: number | undefined): boolean {
  try {
    return pid !== undefined && process.kill(pid, 0)
  } catch {
    return false
  }
}

test('it is started on a socket of its own with a token nobody else has, and leaves when asked', async (t) => {
  const { maestro, home, lives } = start(t, 'ready()')
  await maestro.ready(never)
  const [life] = lives()
  t.strictSame(life?.args, [
    '--private',
    '--socket',
    join(home, 'run', 'maestro.sock'),
    '--state',
    join(home, 'maestro'),
  ])
  t.equal(life?.token, maestro.token)
  t.match(maestro.token, /^[0-9a-f]{64}$/)
  t.equal(privateMaestroUrl(home), `ws+unix:${join(home, 'run', 'maestro.sock')}:/v1/executor`)
  await maestro.stop()
  t.equal(isAlive(life?.pid), false)
})

test('one that ends is started again', async (t) => {
  const { maestro, lives } = start(t, 'ready()')
  await maestro.ready(never)
  process.kill(lives()[0]?.pid ?? 0, 'SIGKILL')
  while (lives().length < 2) await delay(5)
  await maestro.ready(never)
  t.equal(isAlive(lives()[1]?.pid), true)
})

test('one that cannot start says so in its own sentence, and a later wish tries again', async (t) => {
  const sentence = 'maestro: Postgres cannot be reached. See DATABASE_URL.'
  const { maestro, lives } = start(
    t,
    `if (lives > 1) ready()
     else {
       console.error(${JSON.stringify(sentence)})
       console.error('Error: a stack\\n    at somewhere')
       process.exit(4)
     }`,
  )
  await t.rejects(maestro.ready(never), {
    code: 'server.unreachable',
    message: 'Postgres cannot be reached. See DATABASE_URL.',
  })
  await maestro.ready(never)
  t.equal(lives().length, 2)
})

test('waiting for it can be given up', async (t) => {
  const { maestro } = start(t, '')
  const giving = new AbortController()
  const waiting = maestro.ready(giving.signal)
  giving.abort()
  await t.rejects(waiting, { code: 'client.cancelled' })
})
