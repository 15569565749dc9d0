import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { compareEventPositions, toEventId } from '@codegen/protocol/ids'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import { readExecutorFrame } from '@codegen/protocol/wire'
import type { ExecutorFrame, RunFinished } from '@codegen/protocol/wire'
import fc from 'fast-check'
import { test } from 'tap'
import type { Test } from 'tap'
import { limits } from '#limits'
import { backOffMs, dialPatienceMs } from './back-off.ts'
import { fitFrame } from './fit-frame.ts'
import { loadIdentity } from './identity.ts'
import { nextDial } from './next-dial.ts'
import { createOutbox } from './outbox.ts'
import type { ReliableFrame } from './outbox.ts'
import { readProjectSpec } from './project-spec.ts'
import { createPendingStarts } from './starts.ts'
import { parseTarget } from './target.ts'
import { createViewers } from './viewers.ts'

const quiet = { info: () => {}, warn: () => {}, error: () => {} }

function newFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'codegen-link-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

test('pauses between dials grow to 30 s with full jitter, and the first is within 0.25 s', (t) => {
  t.ok(backOffMs(0, 0.999) <= 250)
  fc.assert(
    fc.property(fc.nat(1_000), fc.double({ min: 0, max: 0.999, noNaN: true }), (failures, random) => {
      const waitMs = backOffMs(failures, random)
      const bound = Math.min(250 * 2 ** failures, protocolLimits.reconnectMsMax)
      return waitMs >= 0 && waitMs <= bound && Math.abs(waitMs - bound * random) <= 1
    }),
  )
  t.end()
})

test('a server that hangs is soon left for another, and given its time after that', (t) => {
  t.strictSame([0, 1, 2, 3, 99].map(dialPatienceMs), [3_000, 6_000, 12_000, 15_000, 15_000])
  t.end()
})

test('what comes after a dial depends on how it ended', (t) => {
  const failure = new Failure('server.unreachable', 'gone')
  const after = (end: Parameters<typeof nextDial>[0], failures: number, livedMs = 0): ReturnType<typeof nextDial> =>
    nextDial(end, { failures, livedMs, random: 0.9 })

  t.strictSame(after({ failure }, 0), { waitMs: 225, failures: 1 })
  t.strictSame(after({ failure }, 3), { waitMs: 1_800, failures: 4 })
  const ended = { failure, wasWelcomed: true }
  t.strictSame(after(ended, 9, limits.linkSteadyMs), { waitMs: 225, failures: 1 }, 'a link that held begins anew')
  t.strictSame(after(ended, 9), { waitMs: 1_800, failures: 4 }, 'a server that welcomes is there, though not for long')
  t.strictSame(after({ failure, epoch: 7 }, 0), { waitMs: 0, failures: 1 }, 'the epoch in force is followed at once')
  t.ok(after({ failure, epoch: 7 }, 1).waitMs > 0, 'but not in a circle')
  const refused = new Failure('server.unauthenticated', 'no')
  t.ok(
    after({ failure: refused }, 0).waitMs >= limits.refusedRetryMs / 2,
    'a refused token is not tried again soon (PR-23)',
  )
  t.end()
})

test('the address of Maestro is read, or refused in one sentence without its secrets', (t) => {
  t.match(parseTarget('wss://m.example/v1/executor').http, { secure: true, host: 'm.example', port: '443' })
  t.match(parseTarget('ws://[::1]:7717'), {
    socketUrl: 'ws://[::1]:7717/v1/executor',
    http: { base: '', host: '::1', port: '7717' },
  })
  t.match(parseTarget('wss://m.example/team/v1/executor').http, { base: '/team' })
  t.match(parseTarget('ws+unix:/a/b.sock:/v1/executor').http, { socketPath: '/a/b.sock' })
  for (const url of [
    '',
    'localhost:7717',
    'http://a',
    'ws+unix:a',
    'ws+unix:/a',
    'ws://u:secret@a',
    'ws://a/v1?token=secret',
  ]) {
    t.throws(() => parseTarget(url), { code: 'config.invalid', message: /CODEGEN_MAESTRO_URL/ }, url)
    try {
      parseTarget(url)
    } catch (error) {
      t.notMatch(String(error), /u:secret|=secret/)
    }
  }
  t.end()
})

test('an installation keeps its id and its epochs, and a home from another machine gets an id of its own (SV-37)', (t) => {
  const home = newFolder(t)
  const first = loadIdentity(home)
  first.saveEpoch('one', 3)
  first.saveEpoch('two', 8)
  const again = loadIdentity(home)
  t.equal(again.executorId, first.executorId)
  t.strictSame([again.epochOf('one'), again.epochOf('two'), again.epochOf('three')], [3, 8, undefined])
  const path = join(home, 'executor.json')
  t.equal(statSync(path).mode & 0o777, 0o600)
  const moved = readFileSync(path, 'utf8').replace(/"machine_id":"[^"]*"/, '"machine_id":"another"')
  for (const content of [moved, '{', '[]', '{"executor_id":7}']) {
    writeFileSync(path, content)
    t.not(loadIdentity(home).executorId, first.executorId)
  }
  t.end()
})

test('reliable messages are sent again, oldest first, after each welcome, until they are stored', async (t) => {
  const outbox = createOutbox(quiet)
  const cancel = (client_ref: string): ReliableFrame => ({
    type: 'cancel_run',
    payload: { generation_id: 'g', client_ref },
  })
  const sent: string[][] = []
  const connect = (): void => {
    const link: string[] = []
    sent.push(link)
    outbox.connect({
      send: (frame) => void link.push('client_ref' in frame.payload ? frame.payload.client_ref : frame.type),
      bufferedBytes: () => 0,
    })
  }
  outbox.keep(cancel('a'))
  const b = outbox.confirm(cancel('b'))
  const c = outbox.confirm(cancel('c'))
  connect()
  outbox.keep(cancel('d'))
  outbox.stored('cancel_run:b')
  outbox.refused('cancel_run:c', new Failure('run.finished', 'over'))
  outbox.withdraw('cancel_run:d')
  outbox.disconnect()
  outbox.offer({ type: 'unsubscribe', payload: { generation_id: 'g' } })
  connect()
  t.strictSame(sent, [['a', 'b', 'c', 'd'], ['a']])
  await b
  await t.rejects(c, { code: 'run.finished' })
})

test('of snapshots of the tools only the newest is kept, and whatever else waits stays', (t) => {
  const outbox = createOutbox(quiet)
  const snapshot = (revision: number): ReliableFrame => ({
    type: 'tools_changed',
    payload: { revision, known_tools: [], custom_tools: [] },
  })
  outbox.keep({ type: 'cancel_run', payload: { generation_id: 'g', client_ref: 'a' } })
  t.equal(outbox.keep(snapshot(1)), 'tools_changed:1')
  outbox.keep(snapshot(2))
  const sent: unknown[] = []
  const link = { send: ({ payload }: ExecutorFrame) => void sent.push(payload), bufferedBytes: () => 0 }
  outbox.connect(link)
  t.match(sent, [{ client_ref: 'a' }, { revision: 2 }])
  t.equal(sent.length, 2)
  outbox.stored('tools_changed:2')
  outbox.connect(link)
  t.equal(sent.length, 3, 'what is on record is not sent again')
  t.end()
})

test('live output is dropped while the link is behind, nothing else is', (t) => {
  const outbox = createOutbox(quiet)
  const sent: string[] = []
  outbox.connect({ send: ({ type }) => void sent.push(type), bufferedBytes: () => limits.linkBufferBytesMax + 1 })
  outbox.offer({
    type: 'tool_output_delta',
    payload: { generation_id: 'g', tool_id: 't', stream: 'stdout', chunk: 'x', offset: 0 },
  })
  outbox.keep({ type: 'tool_result', payload: { generation_id: 'g', tool_id: 't', status: 'success', result: '' } })
  t.strictSame(sent, ['tool_result'])
  t.end()
})

test('a frame never exceeds the limit, and a result that had to be cut is still one (PR-07)', (t) => {
  const unit = fc.constantFrom('a', '"', '\n', 'é', '漢', '😀', '\\')
  const result = fc.tuple(unit, fc.nat(30_000)).map(([text, times]) => text.repeat(times))
  const structured = fc.option(
    fc.tuple(unit, fc.nat(30_000)).map(([text, times]) => ({ diff: text.repeat(times) })),
    { nil: undefined },
  )
  fc.assert(
    fc.property(result, structured, fc.integer({ min: 1_024, max: 100_000 }), (text, more, bytesMax) => {
      const payload = {
        tool_id: 't-1',
        generation_id: 'g-1',
        status: 'success',
        result: text,
        ...(more ? { structured: more } : {}),
      }
      const frame: ExecutorFrame = { type: 'tool_result', payload }
      const fitted = fitFrame(frame, bytesMax)
      if (fitted === undefined || Buffer.byteLength(fitted) > bytesMax) return false
      const whole = JSON.stringify(frame)
      if (Buffer.byteLength(whole) <= bytesMax) return fitted === whole
      const read = readExecutorFrame(fitted)
      return (
        'payload' in read && read.type === 'tool_result' && read.payload.truncated === true && fitted.isWellFormed()
      )
    }),
  )
  const delta = { generation_id: 'g', tool_id: 't', stream: 'stdout' as const, chunk: 'x'.repeat(2_000), offset: 0 }
  t.equal(fitFrame({ type: 'tool_output_delta', payload: delta }, 1_024), undefined)
  t.end()
})

test('R5 no gap, repeat or reorder of events, whatever the streams do', (t) => {
  // The events of a run, and a server that begins its stream again wherever it is asked to, with some of the old one still on its way, and leaves some out.
  const lengths = fc.array(fc.nat(3), { minLength: 1, maxLength: 6 })
  const acts = fc.array(
    fc.record({
      deliver: fc.nat(4),
      attachAfter: fc.option(fc.nat(20), { nil: undefined }),
      late: fc.nat(3),
      skipped: fc.nat(2),
    }),
    { maxLength: 8 },
  )
  fc.assert(
    fc.property(lengths, acts, (decorations, script) => {
      const all = decorations.flatMap((count, index) =>
        Array.from({ length: count + 1 }, (_, k) => ({ position: index + 1, k })),
      )
      const viewers = createViewers()
      const seen: { after: number; got: string[] }[] = []
      let cursor = 0
      const deliver = (from: number, to: number): void => {
        for (const { position, k } of all.slice(from, to)) {
          const event = { type: 'usage', payload: {} }
          const taken = viewers.event({ generation_id: 'g', event_id: toEventId(position, k), event })
          if (taken === 'gap') return restart()
        }
        cursor = Math.max(cursor, Math.min(to, all.length))
      }
      const restart = (): void => {
        const from = viewers.restart('g')
        cursor = from === undefined ? 0 : all.findIndex((event) => toEventId(event.position, event.k) === from) + 1
      }
      const attach = (after: number, late: number): void => {
        const place = { after: Math.min(after, all.length), got: [] as string[] }
        seen.push(place)
        const from = all[place.after - 1]
        viewers.attach(
          'g',
          { event: ({ event_id }) => void place.got.push(event_id), finished: () => {} },
          from && toEventId(from.position, from.k),
        )
        const before = cursor
        restart()
        const begun = cursor
        // What was sent before the server heard of it.
        deliver(before, before + late)
        cursor = begun
      }
      attach(0, 0)
      for (const { deliver: count, attachAfter, late, skipped } of script) {
        deliver(cursor, cursor + count)
        deliver(cursor + skipped, cursor + skipped + 1)
        if (attachAfter !== undefined) attach(attachAfter, late)
      }
      // At the end of a run whoever lacks something asks once more.
      while (cursor < all.length) deliver(cursor, all.length)
      restart()
      deliver(cursor, all.length)
      // Every fact and, between them, decorations in order: of these a viewer that comes late may lack some.
      return seen.every(({ after, got }) => {
        const wanted = all.slice(after).map(({ position, k }) => toEventId(position, k))
        const facts = (ids: string[]): string => ids.filter((id) => id.endsWith('-0')).join(' ')
        return facts(got) === facts(wanted) && wanted.filter((id) => got.includes(id)).join(' ') === got.join(' ')
      })
    }),
    { numRuns: 500 },
  )
  t.equal(compareEventPositions({ position: 1, k: 2 }, { position: 2, k: 0 }) < 0, true)
  t.end()
})

test('an end that overtakes its last events waits for them', async (t) => {
  const viewers = createViewers()
  const told: string[] = []
  const outcomes: RunFinished[] = []
  const viewer = {
    event: ({ event_id }: { event_id: string }) => void told.push(event_id),
    finished: (end: RunFinished) => void outcomes.push(end),
  }
  viewers.attach('g', viewer)
  viewers.finished({ generation_id: 'g', status: 'completed', last_event_id: '2-0' })
  t.equal(outcomes.length, 0)
  viewers.event({ generation_id: 'g', event_id: '1-0', event: { type: 'usage', payload: {} } })
  const end = { type: 'run_finished', payload: { generation_id: 'g', status: 'completed' } }
  viewers.event({ generation_id: 'g', event_id: '2-0', event: end })
  t.strictSame(told, ['1-0', '2-0'])
  t.equal(outcomes.length, 1)
  t.equal(viewers.isWatched('g'), false)

  viewers.attach('g', viewer)
  t.equal(viewers.finished({ generation_id: 'g', status: 'failed', last_event_id: '9-0' }), true)
  viewers.attach('g', viewer, '9-0')
  t.equal(viewers.finished({ generation_id: 'g', status: 'failed', last_event_id: '9-0' }), true)
  t.equal(outcomes.length, 2, 'who has them all is told at once')
  t.equal(viewers.finished({ generation_id: 'g', status: 'failed' }), true, 'which one is the last was not said')
  viewers.giveUp({ generation_id: 'g', status: 'failed' })
  t.equal(outcomes.length, 3)
})

test('a start is given up when its client leaves, and then noticed when it comes after all', async (t) => {
  const starts = createPendingStarts()
  const leaving = new AbortController()
  const begun: string[] = []
  const note = ({ generationId }: { generationId: string }): void => void begun.push(generationId)
  const left = starts.wait('a', note, leaving.signal)
  const stayed = starts.wait('b', note, new AbortController().signal)
  leaving.abort()
  await t.rejects(left, { code: 'client.cancelled' })
  const run = { generationId: 'g', sessionId: 's', duplicate: false }
  starts.started('a', run)
  starts.started('b', run)
  t.strictSame(await stayed, run)
  t.strictSame(begun, ['g'], 'and only who waits is told')
  t.strictSame([starts.takeAbandoned('a'), starts.takeAbandoned('a'), starts.takeAbandoned('b')], [true, false, false])
})

test("a project is told of by its instructions and its top-level paths, within the wire's limits", async (t) => {
  const root = newFolder(t)
  t.strictSame(await readProjectSpec(root), { content: '', file_paths: [] })
  t.strictSame(await readProjectSpec(join(root, 'absent')), { content: '', file_paths: [] })
  for (const folder of ['.git', 'src']) mkdirSync(join(root, folder))
  writeFileSync(join(root, 'CLAUDE.md'), 'second')
  t.equal((await readProjectSpec(root)).content, 'second')
  writeFileSync(join(root, 'AGENTS.md'), `${'é'.repeat(protocolLimits.projectSpecCharactersMax)}tail`)
  const spec = await readProjectSpec(root)
  t.equal(spec.content.length, protocolLimits.projectSpecCharactersMax)
  t.strictSame(spec.file_paths, ['AGENTS.md', 'CLAUDE.md', 'src/'])
  for (let index = 0; index < protocolLimits.projectSpecPathsMax; index += 1) writeFileSync(join(root, `f${index}`), '')
  t.equal((await readProjectSpec(root)).file_paths.length, protocolLimits.projectSpecPathsMax)
})

test('instructions that are no regular file are not waited for', async (t) => {
  const root = newFolder(t)
  execFileSync('mkfifo', [join(root, 'AGENTS.md')])
  writeFileSync(join(root, 'CLAUDE.md'), 'instead')
  t.equal((await readProjectSpec(root)).content, 'instead')
})
