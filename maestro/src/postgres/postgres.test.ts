import { randomUUID } from 'node:crypto'
import pg from 'pg'
import type { ClientConfig } from 'pg'
import { test } from 'tap'
import type { Test } from 'tap'
import type { AbandonedRuns, ExecutorRecord, ExecutorStore, NewRun } from '#executors/ports'
import { unshown } from '#runs/log-entry'
import type { LogEntry } from '#runs/log-entry'
import { foldRun } from '#runs/run'
import { openDatabase } from './database.ts'
import { createExecutorStore } from './executor-store.ts'
import { loadReadable } from './load-run.ts'
import { isMigrated, migrate } from './migrate.ts'
import { takeReplicaLock } from './replica-lock.ts'
import { createRunList } from './run-list.ts'
import { createRunLog } from './run-log.ts'
import { saveFork } from './save-fork.ts'
import { withTestSchema } from './test-database.ts'

async function open(t: Test) {
  const connection = await withTestSchema(t)
  if (!connection) return undefined
  await migrate(connection)
  const database = openDatabase(connection, (message) => t.comment(message))
  t.teardown(() => database.close())
  return {
    connection,
    database,
    log: createRunLog(database),
    store: createExecutorStore(database, 'replica-1'),
    list: createRunList(database),
  }
}

const executor: ExecutorRecord = {
  teamId: 'default',
  executorId: 'executor-1',
  principal: 'token-1',
  level: 1,
  journalId: 'journal-1',
  name: 'host',
  version: '0',
  os: 'linux',
  arch: 'x64',
  tools: ['Shell'],
}

function newRun(more: Partial<NewRun> = {}): NewRun {
  const generationId = more.generationId ?? randomUUID()
  return {
    teamId: 'default',
    generationId,
    sessionId: 'session-1',
    executorId: 'executor-1',
    epoch: 1,
    clientRef: randomUUID(),
    level: 1,
    isQueued: false,
    prompt: 'go',
    cwd: '/p',
    mode: 'auto',
    model: 'm',
    limitsJson: '{}',
    entries: [started(generationId)],
    ...more,
  }
}

function started(generation_id: string): LogEntry {
  const payload = { generation_id, session_id: 'session-1', prompt: 'go', cwd: '/p', mode: 'auto', model: 'm' } as const
  return { fact: { type: 'run_started', payload }, shown: '{"role":"user"}', internal: null }
}

function input(content: string): LogEntry {
  return unshown({ type: 'input', payload: { generation_id: 'g', content, by: 'test' } })
}

const summary = { status: 'running', turns: 1, inputTokens: 2, outputTokens: 3, error: null, finished: false }

test('the schema is made once, by whoever comes first, and a newer one is refused', async (t) => {
  const connection = await withTestSchema(t)
  if (!connection) return
  t.equal(await isMigrated(connection), false)
  await Promise.all([migrate(connection), migrate(connection)])
  await migrate(connection)
  t.equal(await isMigrated(connection), true)

  const client = new pg.Client(connection)
  await client.connect()
  await client.query("INSERT INTO maestro_migrations (name, run_on) VALUES ('9999_later', now())")
  await client.end()
  const newer = { code: 'config.invalid', message: /newer Maestro.*9999_later/ }
  await t.rejects(migrate(connection), newer)
  await t.rejects(isMigrated(connection), newer)
})

test('only the owner of a run, at its very end, can append; everybody else writes nothing', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  t.same(await store.start(run), { kind: 'started' })
  const key = { teamId: run.teamId, generationId: run.generationId }

  t.equal(await log.append({ ...key, epoch: 1, length: 1, entries: [input('a'), input('b')], summary }), true)
  t.equal(await log.append({ ...key, epoch: 1, length: 2, entries: [input('gap')], summary }), false, 'a wrong length')
  t.equal(await log.append({ ...key, epoch: 2, length: 3, entries: [input('other')], summary }), false, 'another epoch')
  const claim = await store.claim(executor, 1)
  t.match(claim, { kind: 'claimed', epoch: 2, runs: [{ generationId: run.generationId, claims: 1 }] })
  t.equal(
    await log.append({ ...key, epoch: 1, length: 4, entries: [input('stale')], summary }),
    false,
    'the epoch before',
  )
  t.equal(await log.append({ ...key, epoch: 2, length: 4, entries: [input('c')], summary }), true)

  const facts = await log.factsAfter(key, 0, 100)
  t.strictSame(
    facts.map((fact) => [fact.at.position, fact.type]),
    [
      [1, 'run_started'],
      [2, 'input'],
      [3, 'input'],
      [4, 'claimed'],
      [5, 'input'],
    ],
  )
  t.equal((await store.load(key)).claims, 0, 'an entry that is no claim starts their count anew')
})

test('of many that append at once with the same epoch and length, one is on record', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  const appends = Array.from({ length: 8 }, (_, index) =>
    log.append({ ...run, epoch: 1, length: 1, entries: [input(`${index}`)], summary }),
  )
  t.equal((await Promise.all(appends)).filter(Boolean).length, 1)
  t.equal((await log.factsAfter(run, 1, 10)).length, 1)
})

test('an executor is claimed by compare-and-set, and belongs to the token that first used it', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store } = opened
  t.match(await store.claim(executor, undefined), { kind: 'claimed', epoch: 1, runs: [] })
  t.same(await store.claim(executor, undefined), { kind: 'superseded', epoch: 1 })
  t.match(await store.claim(executor, 1), { kind: 'claimed', epoch: 2 })
  t.same(await store.claim(executor, 1), { kind: 'superseded', epoch: 2 }, 'a late dial of a given-up connection loses')
  t.same(await store.claim({ ...executor, principal: 'token-2' }, 2), { kind: 'forbidden' })
  t.match(
    await store.claim({ ...executor, executorId: 'another' }, 41),
    { kind: 'claimed', epoch: 42 },
    'a lost database',
  )
  const both = await Promise.all([store.claim(executor, 2), store.claim(executor, 2)])
  t.strictSame(both.map((claim) => claim.kind).toSorted(), ['claimed', 'superseded'])
})

test('a repeated start finds its run, and a stale connection starts none', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, list } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  t.same(await store.start(run), { kind: 'started' })
  t.same(await store.start(run), { kind: 'started' }, 'the very same statement again')
  t.same(await store.start(newRun({ clientRef: run.clientRef })), {
    kind: 'duplicate',
    generationId: run.generationId,
    sessionId: 'session-1',
  })
  await store.claim(executor, 1)
  t.same(await store.start(newRun()), { kind: 'superseded' })
  t.equal((await list.list({ teamId: 'default' }, { limit: 10 })).runs.length, 1)
})

test('what a tool may print is kept and given back byte for byte', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  const text = 'NUL \0, half a pair \ud800, "quoted\\", \u2028 and é 漢 🙂'
  const entry = { ...input(text), shown: JSON.stringify({ content: text }), internal: { request_id: text } }
  t.equal(await log.append({ ...run, epoch: 1, length: 1, entries: [entry], summary }), true)

  const [fact] = await log.factsAfter(run, 1, 1)
  t.equal(fact?.text, JSON.stringify(entry.fact))
  const loaded = await store.load(run)
  t.same(loaded.entries[1], { ...entry, position: 2 })
  t.equal(loaded.systemPrompt, '')
})

test('a run is loaded with the texts its entries name', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log, database } = opened
  await store.claim(executor, undefined)
  const generationId = randomUUID()
  const toolbelt = { generation_id: generationId, system_digest: 'system', tools_digest: 'tools', tools: [] }
  const system = { digest: 'system', body: 'be good' }
  const first = {
    ...unshown({ type: 'toolbelt', payload: toolbelt }),
    texts: [system, { digest: 'tools', body: '[]' }],
  }
  const run = newRun({ generationId, entries: [started(generationId), first] })
  await store.start(run)
  t.match(await store.load(run), {
    systemPrompt: 'be good',
    toolsJson: '[]',
    level: 1,
    epoch: 1,
    executorId: 'executor-1',
  })
  const other = { digest: 'others', body: '[{}]' }
  const changed = { ...toolbelt, tools_digest: other.digest, tools: ['other'] }
  const entry = { ...unshown({ type: 'toolbelt', payload: changed }), texts: [other] }
  const append = { ...run, length: 2, entries: [entry], summary }
  t.equal(await log.append({ ...append, epoch: 7 }), false, 'who does not own the run')
  t.match(await store.load(run), { toolsJson: '[]' }, 'changes nothing')
  t.equal(await log.append(append), true)
  t.match(await store.load(run), { systemPrompt: 'be good', toolsJson: '[{}]' }, 'and goes on with the last of them')
  const { loaded } = await loadReadable(database, run)
  t.match(
    loaded.entries.map(({ texts }) => texts?.map(({ body }) => body)),
    [undefined, ['be good', '[]'], ['be good', '[{}]']],
  )

  await t.rejects(store.load({ teamId: 'default', generationId: 'none' }), { code: 'run.unknown' })
  await t.rejects(store.load({ teamId: 'another', generationId }), { code: 'run.unknown' }, 'another team sees nothing')
})

test('commands wait in the inbox until they are taken, once for each client_ref', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  const command = { ...run, clientRef: 'c-1', type: 'cancel_run', reason: 'enough', by: 'me' } as const
  t.equal(await store.command(command), 'written')
  t.equal(await store.command(command), 'written')
  t.equal(await store.command({ ...command, generationId: 'none' }), 'unknown')
  t.equal(await store.command(command, 'another executor'), 'unknown')
  t.match(await store.commandsOf([run]), [{ clientRef: 'c-1', reason: 'enough', by: 'me' }])
  t.equal((await store.commandsOf([run])).length, 1)
  await log.markTaken(run, ['c-1'])
  t.strictSame(await store.commandsOf([run]), [])
  await log.append({ ...run, epoch: 1, length: 1, entries: [input('end')], summary: { ...summary, finished: true } })
  t.equal(await store.command({ ...command, clientRef: 'c-2' }), 'finished')
})

test('an input is accepted once, counted, and a run does not end without having seen it', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  const say = (clientRef: string, executorId?: string) =>
    store.command({ ...run, clientRef, type: 'run_input', content: 'more', mode: 'queue', by: 'me' }, executorId)
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => say('i-1')))
  t.ok(
    outcomes.every((outcome) => outcome === 'written'),
    'eight at once are one',
  )
  t.equal(await say('i-2', 'another executor'), 'unknown')
  const waiting = [{ clientRef: 'i-1', content: 'more', mode: 'queue', by: 'me' }]
  t.strictSame(await log.waitingInputs(run), waiting)
  t.match(await store.commandsOf([run]), waiting)
  t.strictSame(await store.commandsOf([run], [`${run.generationId} i-1`]), [], 'what is held is not read again')

  const end = { ...run, epoch: 1, length: 1, entries: [input('end')], summary: { ...summary, finished: true } }
  t.equal(await log.finish({ ...end, inputs: 0 }), 'input-waits')
  t.equal(await log.finish({ ...end, epoch: 2, inputs: 1 }), 'lost')
  t.equal(await log.finish({ ...end, inputs: 1 }), 'finished')
  t.equal(await log.finish({ ...end, inputs: 1 }), 'lost')
  t.equal(await say('i-1'), 'written', 'a repeat of what was accepted')
  t.equal(await say('i-3'), 'finished')
})

test('inputs and the end of a run, at the same moment: none is accepted and lost', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  for (let round = 0; round < 20; round += 1) {
    const run = newRun()
    await store.start(run)
    const [said, ended] = await Promise.all([
      store.command({ ...run, clientRef: 'i', type: 'run_input', content: 'x', mode: 'steer', by: 'me' }),
      log.finish({
        ...run,
        epoch: 1,
        length: 1,
        entries: [input('end')],
        summary: { ...summary, finished: true },
        inputs: 0,
      }),
    ])
    t.ok(['written/input-waits', 'finished/finished'].includes(`${said}/${ended}`), `${said}/${ended}`)
  }
})

test('a run takes so many inputs and no more until it has shown some', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  const say = (clientRef: string) =>
    store.command({ ...run, clientRef, type: 'run_input', content: 'x', mode: 'steer', by: 'me' })
  for (let index = 0; index < 20; index += 1) t.equal(await say(`i-${index}`), 'written')
  t.equal(await say('i-20'), 'crowded')
  await log.markTaken(run, ['i-0'])
  t.equal(await say('i-20'), 'written')
})

test('a fork waits with its log, is claimed once by who owns its executor, and is as old as its own part', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, database } = opened
  await store.claim(executor, undefined)
  const forkOf = (generationId: string) => {
    const ids = { generation_id: generationId, session_id: `session-${generationId}` }
    const fact = {
      type: 'run_started',
      payload: { ...ids, prompt: 'go', cwd: '/p', mode: 'auto', model: 'm' },
    } as const
    const internal = { remote: true, forked_from: { generation_id: 'origin', position: 2 } } as const
    const entries = [{ fact, shown: '{}', internal }, input('a')]
    return { entries, run: foldRun(entries.map((entry, index) => ({ ...entry, position: index + 1 }))) }
  }
  const at = { teamId: 'default', executorId: 'executor-1', prompt: 'go' }
  await saveFork(database, forkOf('fork-1'), at)
  const key = { teamId: 'default', generationId: 'fork-1' }
  t.match(await store.queuedStarts([at]), [{ ...key, length: 2, prompt: 'go', isContinued: false }])
  t.match(await store.claim(executor, 1), { epoch: 2, runs: [] }, 'a claim of the executor leaves it to be taken up')
  t.equal(await store.claimQueued(key, { executorId: 'executor-1', epoch: 1 }), undefined, 'not by an owner before')
  t.equal(await store.claimQueued(key, { executorId: 'executor-2', epoch: 2 }), undefined, 'nor by another executor')
  await database.query({
    text: `UPDATE run_log SET created_at = now() - interval '9 days' WHERE generation_id = 'fork-1'`,
  })
  const owner = { executorId: 'executor-1', epoch: 2 }
  t.match(await store.claimQueued(key, owner), { generationId: 'fork-1', sessionId: 'session-fork-1', claims: 1 })
  t.equal(await store.claimQueued(key, owner), undefined, 'once')
  const loaded = await store.load(key)
  t.match(loaded.entries.at(-1), { position: 3, fact: { type: 'claimed', payload: { epoch: 2, server: 'replica-1' } } })
  t.ok(loaded.ageMs < 3_600_000, `${loaded.ageMs} ms`)

  await store.claim({ ...executor, executorId: 'seed-1', level: 0 }, undefined)
  for (const executorId of ['seed-1', 'nobody'])
    await t.rejects(saveFork(database, forkOf('fork-2'), { ...at, executorId }), { code: 'executor.unknown' })
  for (let index = 0; index < 100; index += 1) await saveFork(database, forkOf(`wait-${index}`), at)
  await t.rejects(saveFork(database, forkOf('fork-3'), at), { code: 'run.busy' })
})

test('a conversation is read from the run on that was summed up last', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log } = opened
  await store.claim(executor, undefined)
  const compacted = (kept_from: number): LogEntry => ({
    fact: {
      type: 'compacted',
      payload: {
        generation_id: 'g',
        turn: 1,
        reason: 'full',
        summary: 'facts',
        tokens_before: 9,
        tokens_after: 4,
        kept_from,
        content: 'in short, with a NUL \0',
      },
    },
    shown: '{"role":"user","content":"in short"}',
    internal: null,
  })
  const ids: string[] = []
  for (const entries of [[], [compacted(2)], [compacted(3)], []]) {
    const run = newRun()
    await store.start(run)
    const ended = { ...summary, status: 'completed', finished: true }
    await log.append({ ...run, epoch: 1, length: 1, entries: [...entries, input('x')], summary: ended })
    ids.push(run.generationId)
  }
  const conversation = await store.conversation('default', 'executor-1', 'session-1')
  t.strictSame(
    conversation?.map(([first]) => first?.fact.payload.generation_id),
    ids.slice(2),
  )
  t.match(conversation?.[0]?.[1]?.fact, { type: 'compacted', payload: { kept_from: 3 } })
})

test('an ended run is appended to and claimed no more, and its conversation goes on', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log, list } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  t.equal(await store.conversation('default', 'executor-1', 'session-1'), undefined, 'its only run is still open')
  const ended = { ...summary, status: 'completed', finished: true }
  await log.append({
    ...run,
    epoch: 1,
    length: 1,
    entries: [{ ...input('x'), shown: '{"role":"assistant"}' }],
    summary: ended,
  })
  t.equal(await log.append({ ...run, epoch: 1, length: 2, entries: [input('late')], summary }), false)
  t.match(await store.claim(executor, 1), { kind: 'claimed', runs: [] })
  t.match(await store.conversation('default', 'executor-1', 'session-1'), [
    [
      { position: 1, fact: { type: 'run_started' }, shown: '' },
      { position: 2, shown: '{"role":"assistant"}' },
    ],
  ])
  t.equal(await store.conversation('default', 'another', 'session-1'), undefined)
  t.match(await list.find({ teamId: 'default' }, run.generationId.slice(0, 8)), [{ status: 'completed', turns: 1 }])
  t.strictSame(await list.find({ teamId: 'default' }, '%'), [], 'what looks like a pattern is text')
})

const week = 7 * 24 * 3_600_000

/** Ends a few of what was abandoned. */
function sweepOf(store: ExecutorStore, except: string[] = []): Promise<AbandonedRuns> {
  const usage = { turns: 0, input_tokens: 0, output_tokens: 0, cached_tokens: 0 }
  const payload = {
    generation_id: 'g',
    status: 'failed',
    summary: '',
    usage,
    error: { code: 'x', message: 'Left.' },
  } as const
  const fact = { type: 'run_finished', payload } as const
  return store.endAbandoned({ afterMs: week, runsMax: 4, except, toEnd: () => ({ ...unshown(fact), fact }) })
}

test('runs that nobody came back for are ended, each once, however many sweep', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, log, database } = opened
  await store.claim(executor, undefined)
  const runs = Array.from({ length: 10 }, () => newRun())
  for (const run of runs) await store.start(run)
  const keys = runs.map(({ teamId, generationId }) => ({ teamId, generationId }))
  t.strictSame(await sweepOf(store), { found: 0, ended: [], unreadable: [] }, 'what moves is left alone')

  const [parked, moving, ...left] = keys
  if (!parked || !moving) throw new TypeError('there are ten')
  await database.query({ text: `UPDATE run_log SET created_at = now() - interval '8 days'` })
  await store.park(parked, 1, 'waiting_approval')
  const entry = { ...moving, epoch: 1, length: 1, entries: [input('go on')], summary }
  t.ok(await log.append(entry))
  const ended: string[] = []
  for (let found = 1; found > 0;) {
    const sweeps = await Promise.all([sweepOf(store), sweepOf(store), sweepOf(store)])
    ended.push(...sweeps.flatMap((sweep) => sweep.ended.map(({ generationId }) => generationId)))
    found = sweeps.reduce((sum, sweep) => sum + sweep.found, 0)
  }
  t.strictSame(ended.toSorted(), left.map(({ generationId }) => generationId).toSorted())
  const [one] = left
  if (!one) throw new TypeError('there are eight')
  t.equal((await log.factsAfter(one, 0, 10)).map(({ type }) => type).join(), 'run_started,run_finished')
  t.notOk(await log.append({ ...one, epoch: 1, length: 1, entries: [input('late')], summary }), 'its owner is too late')
  t.ok(await log.append({ ...entry, length: 2 }))
})

test('a run whose row somebody holds is not swept, and is ended with it or not at all', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, database, connection } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  await database.query({ text: `UPDATE runs SET parked_at = now() - interval '8 days'` })
  const client = new pg.Client(connection)
  await client.connect()
  t.teardown(() => client.end())
  await client.query('BEGIN')
  await client.query('SELECT FROM runs FOR UPDATE')
  t.equal((await sweepOf(store)).found, 0)
  await client.query('ROLLBACK')

  // It is swept and claimed at the same moment: the owner has it, or finds it ended.
  const [swept, claim] = await Promise.all([sweepOf(store), store.claim(executor, 1)])
  if (claim.kind !== 'claimed') throw new TypeError('nobody else claims')
  t.equal(swept.ended.length + claim.runs.length, 1)
})

test('an abandoned run that this release cannot read is named and stays open', async (t) => {
  const opened = await open(t)
  if (!opened) return
  const { store, database } = opened
  await store.claim(executor, undefined)
  const run = newRun()
  await store.start(run)
  await database.query({ text: `UPDATE runs SET parked_at = now() - interval '8 days'` })
  await database.query({ text: `UPDATE run_log SET type = 'of_tomorrow'` })
  const { generationId } = run
  t.match(await sweepOf(store), { found: 1, ended: [], unreadable: [{ generationId, cause: /of_tomorrow/ }] })
  t.equal((await sweepOf(store, [generationId])).found, 0, 'and is left alone then')
})

test('one Maestro without Redis has a schema to itself, those with Redis share it', async (t) => {
  const connection = await withTestSchema(t)
  if (!connection) return
  const take = (kind: 'exclusive' | 'shared', of: ClientConfig = connection) =>
    takeReplicaLock(of, kind, () => undefined)
  const [first, second] = await Promise.all([take('shared'), take('shared')])
  await t.rejects(take('exclusive'), { code: 'config.invalid', message: /without REDIS_URL/ })
  await first?.release()
  await second?.release()
  const alone = await take('exclusive')
  await t.rejects(take('shared'), { code: 'config.invalid', message: /REDIS_URL/ })
  await alone.release()
})

test('a Postgres that is not there is one sentence', async (t) => {
  await t.rejects(migrate({ host: '127.0.0.1', port: 1, user: 'x', database: 'x' }), {
    code: 'postgres.unreachable',
    message: /DATABASE_URL/,
  })
})
