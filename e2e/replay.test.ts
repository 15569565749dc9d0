import { createHash, randomUUID } from 'node:crypto'
import pg from 'pg'
import t from 'tap'
import type { Test } from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import type { ScriptedModel } from '@codegen/scripted-model'
import { readRun } from '#support/events'
import { answer, answerBootstrap, dial, install, startRun } from '#support/installation'
import type { Installation } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { createReplay, linesOf } from '#support/replay'
import { requireServices } from '#support/services'
import type { Services } from '#support/services'
import type { Ended } from '#support/system'

const shell = (command: string) => ({ calls: [{ tool: 'Shell', arguments: { command } }] })
const conversations = [
  { name: 'notes', when: 'Your context is nearly full', steps: [{ loop: 50, text: 'I was counting.' }] },
  {
    name: 'two calls',
    when: 'two calls',
    steps: [
      { text: 'I begin. ', ...shell('make one') },
      { ...shell('make two'), expect: [{ contains: 'made one' }] },
      { text: 'Done.', expect: [{ contains: 'made two' }] },
    ],
  },
  // Before the one it goes on from: where that is summed up, one message has the words of both.
  { name: 'more', when: 'and more', steps: [{ text: 'More.' }] },
  { name: 'long', when: 'count', steps: [{ loop: 12, ...shell('count {{n}}') }, { text: 'Counted.' }] },
]

const copied = 'session_id, executor_id, level, epoch, length, status, prompt, cwd, mode, model, limits'
const copySql = `
INSERT INTO runs (team_id, generation_id, client_ref, ${copied})
SELECT $2, $3, $3, ${copied} FROM runs WHERE generation_id = $1 AND team_id = 'default'`

const services = await requireServices(t)
if (services) await testReplay(services)

async function testReplay({ databaseUrl, redisUrl }: Services): Promise<void> {
  const model = await startScriptedModel({ scenario: { models: ['scripted', 'other'], conversations } })
  t.teardown(() => model.stop())
  const env = { CODEGEN_MODEL: 'scripted', CODEGEN_MODEL_CONTEXT: '8192' }
  const uses = { modelUrl: model.url, databaseUrl, redisUrl, token: randomUUID(), env }
  const startReplica = (t: Test): Promise<MaestroProcess> => startMaestro(t, uses)
  const [a, b] = await Promise.all([startReplica(t), startReplica(t)])
  const replay = await createReplay(t, databaseUrl)
  const client = new pg.Client({ connectionString: databaseUrl })
  await client.connect()
  t.teardown(() => client.end())
  const change = async (text: string, ...values: unknown[]): Promise<void> => {
    if ((await client.query(text, values)).rowCount === 0) throw new Error(`nothing was changed: ${text}`)
  }

  t.test('every request of a run is made again from its log, byte for byte as it reached the model', async (t) => {
    const asked = model.requests.length
    const { id } = await playTwoCalls(t, a)
    const ended = await replay(id, '--verify', '--json')
    t.equal(ended.code, 0, ended.stderr)
    const requests = linesOf(ended).slice(0, -1)
    t.match(linesOf(ended).at(-1), { type: 'sum', generation_id: id, requests: 3, differ: 0, entries: 21 })
    t.strictSame(
      requests.map(({ digest, bytes, outcome }) => ({ digest, bytes, outcome })),
      seenBy(model, asked).map((seen) => ({ ...seen, outcome: 'same' })),
    )
    t.strictSame(
      requests.map(({ turn, position, kind }) => ({ turn, position, kind })),
      [11, 15, 19].map((position, index) => ({ turn: index + 1, position, kind: 'answer' })),
    )

    const text = await replay(id.slice(0, 13), '--verify')
    t.equal(text.code, 0, 'the beginning of an id will do')
    t.match(text.stdout, /^turn +entry +digest +bytes\n +1 +11 +[0-9a-f]{12} +[0-9,]+ +ok\n/)
    t.match(text.stdout, new RegExp(`\\nrun ${id}: 21 entries, 3 requests, each the same to the byte\\n$`))
  })

  t.test('a run that went on at another replica verifies from its first request to its last', async (t) => {
    const doomed = await startReplica(t)
    const installation = install()
    const executor = await dial(t, doomed, installation)
    const id = await startRun(executor, 'two calls')
    await answerBootstrap(executor)
    answer(executor, await executor.receive('run_tool'), 'made one')
    await executor.receive('run_tool')
    await doomed.kill()
    const again = await dial(t, b, installation)
    answer(again, await again.receive('run_tool'), 'made two')
    t.match(await again.receive('run_finished'), { status: 'completed' })
    const ended = await replay(id, '--verify')
    t.equal(ended.code, 0, ended.stderr)
    t.match(ended.stdout, /22 entries, 3 requests, each the same/)
  })

  t.test('so do a run that was summed up, and the next one of its conversation', async (t) => {
    const asked = model.requests.length
    const executor = await dial(t, a, install())
    const id = await startRun(executor, 'count')
    await answerBootstrap(executor)
    for (let made = 0; made < 12; made += 1) answer(executor, await executor.receive('run_tool'), 'x'.repeat(5_000))
    t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'Counted.' })
    const { session_id } = (await readRun(a, id)).run
    executor.send('start_run', { client_ref: randomUUID(), prompt: 'and more', cwd: '/work', mode: 'auto', session_id })
    const next = String((await executor.receive('run_started'))['generation_id'])
    await answerBootstrap(executor)
    t.match(await executor.receive('run_finished'), { status: 'completed', summary: 'More.' })

    const [first, second] = [await replay(id, '--verify', '--json'), await replay(next, '--verify', '--json')]
    t.strictSame([first.code, second.code], [0, 0], first.stdout + second.stdout)
    const requests = [first, second].flatMap((ended) => linesOf(ended).slice(0, -1))
    t.ok(requests.some(({ kind }) => kind === 'summary'))
    t.strictSame(
      requests.map(({ digest }) => digest),
      seenBy(model, asked).map(({ digest }) => digest),
    )
  })

  t.test('what was changed, lost or cannot be read is named, and nothing after it is trusted', async (t) => {
    const { id } = await playTwoCalls(t, a)
    const inLog = 'run_log SET shown = replace(shown, $2, $3) WHERE generation_id = $1 AND position = 14'
    await change(`UPDATE ${inLog}`, id, 'made one', 'made 0ne')
    const tampered = await replay(id, '--verify')
    t.equal(tampered.code, 1)
    t.match(tampered.stdout, / 11 .* ok\n.* 15 .* differs\n.* 19 .* differs\nrun .*, 2 not as they were sent\n$/)
    await change(`UPDATE ${inLog}`, id, 'made 0ne', 'made one')
    t.equal((await replay(id, '--verify')).code, 0)

    await change(`UPDATE run_log SET type = 'no_such_fact' WHERE generation_id = $1 AND position = 16`, id)
    const unreadable = await replay(id, '--verify')
    t.equal(unreadable.code, 1)
    t.match(unreadable.stdout, / 11 .* ok\n.* 15 .* ok\nrun .*15 entries, 2 requests, each the same/)
    t.match(unreadable.stdout, /\nentry 16 cannot be read, what follows it was not looked at: .*no_such_fact.*\n$/)
    t.match(await replay(id, '--from', '18'), { code: 1, stdout: '', stderr: /^maestro: Entry 16 .*before that\.\n$/ })

    await change('DELETE FROM run_log WHERE generation_id = $1 AND position >= 13', id)
    const cut = await replay(id, '--verify', '--json')
    t.equal(cut.code, 1)
    t.match(linesOf(cut).at(-1), { entries: 12, requests: 1, unreadable: { position: 13, reason: 'it is missing' } })
  })

  t.test('a run that is none, or not one, wrong words and a database that is away are told in one line', async (t) => {
    const { id } = await playTwoCalls(t, a)
    const copy = (team: string, as: string): Promise<unknown> => change(copySql, id, team, as)
    await copy('default', `${id}-copy`)
    saysOnce(t, await replay(id.slice(0, 30), '--verify'), {
      code: 1,
      says: new RegExp(`${id}, ${id}-copy; write more`),
    })
    t.equal((await replay(id, '--verify')).code, 0, 'a whole id is its own run')
    await change(`INSERT INTO teams (team_id, name) VALUES ('other', 'Other')`)
    await copy('other', id)
    saysOnce(t, await replay(id, '--verify'), { code: 1, says: /teams default and other both have.*--team/ })
    t.equal((await replay(id, '--verify', '--team', 'default')).code, 0)

    saysOnce(t, await replay('no-such-run', '--verify'), { code: 1, says: /no run whose id begins with "no-such-run"/ })
    saysOnce(t, await replay(id, '--verify', '--team', 'nobody'), { code: 1, says: /in the team nobody/ })
    const wrong: string[][] = [
      [],
      [id],
      [id, '--verify', '--from', '3'],
      [id, id, '--verify'],
      [id, '--from', '0'],
      [id, '--from', 'x'],
      [id, '--verify', '--model', 'm'],
      [id, '--verfy'],
    ]
    for (const words of wrong) saysOnce(t, await replay(...words), { code: 2, says: /maestro replay --help\.$/m })
    t.match(await replay('--help'), { code: 0, stdout: /^Usage: maestro replay RUN --verify\n/ })

    const away = await createReplay(t, 'postgres://127.0.0.1:1/x')
    saysOnce(t, await away(id, '--verify'), { code: 4, says: /Postgres cannot be reached.*DATABASE_URL/ })
    const nowhere = await createReplay(t, undefined)
    saysOnce(t, await nowhere(id, '--verify'), {
      code: 4,
      says: /No Maestro has kept a Postgres in .*--state.*DATABASE_URL/,
    })
  })
}

function saysOnce(t: Test, ended: Ended, expected: { code: number; says: RegExp }): void {
  t.match(ended, { code: expected.code, stdout: '', stderr: expected.says })
  t.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr)
}

/** The requests that reached the model after so many: as its server writes their JSON, which is as we do. */
function seenBy(model: ScriptedModel, after: number): { digest: string; bytes: number }[] {
  return model.requests.slice(after).map(({ body, bytes }) => ({
    digest: createHash('sha256').update(JSON.stringify(body)).digest('hex'),
    bytes,
  }))
}

async function playTwoCalls(t: Test, maestro: MaestroProcess): Promise<{ id: string; installation: Installation }> {
  const installation = install()
  const executor = await dial(t, maestro, installation)
  const id = await startRun(executor, 'two calls')
  await answerBootstrap(executor)
  for (const made of ['made one', 'made two']) answer(executor, await executor.receive('run_tool'), made)
  t.match(await executor.receive('run_finished'), { status: 'completed' })
  return { id, installation }
}
