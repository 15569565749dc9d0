import assert from 'node:assert/strict'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { test } from 'tap'
import { Failure } from '#failure'
import { limits } from '#limits'
import { createPeer, toNotification } from '#peer'
import type { Peer, PeerOptions, RpcMethod } from '#peer'

const encoder = new TextEncoder()
const timers = { setTimeout, clearTimeout }
setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** A peer whose transport is this test: what it writes is collected, parsed. */
function openPeer(options: Partial<PeerOptions> = {}) {
  const written: Record<string, unknown>[] = []
  const closed: Failure[] = []
  let onWritten = (): void => undefined
  const peer = createPeer({
    write(lines) {
      for (const line of lines.trimEnd().split('\n')) written.push(JSON.parse(line))
      onWritten()
    },
    close: (failure) => closed.push(failure),
    timers,
    ...options,
  })
  return {
    peer,
    written,
    closed,
    receive: (text: string) => peer.receive(encoder.encode(text)),
    /** Resolves when that many lines were written in all. */
    async lines(count: number) {
      while (written.length < count) await new Promise<void>((resolve) => (onWritten = resolve))
      return written
    },
  }
}

/** Two peers, each the transport of the other; bytes travel as turns of the event loop. */
function openPair(left: Partial<PeerOptions>, right: Partial<PeerOptions>): { left: Peer; right: Peer } {
  const pair: { left: Peer; right: Peer } = {
    left: createPeer({
      write: (line) => queueMicrotask(() => pair.right.receive(encoder.encode(line))),
      close: (failure) => pair.right.close(failure),
      timers,
      ...left,
    }),
    right: createPeer({
      write: (line) => queueMicrotask(() => pair.left.receive(encoder.encode(line))),
      close: (failure) => pair.left.close(failure),
      timers,
      ...right,
    }),
  }
  return pair
}

const echo: RpcMethod = (parameters) => parameters
/** Answers nothing until it is aborted. */
const waitForEver: RpcMethod = (_parameters, { signal }) =>
  new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

const errorOf = (message: Record<string, unknown> | undefined) =>
  message?.['error'] as { code: number; message: string; data: Record<string, unknown> }

test('a request is answered by its method', async (t) => {
  const { receive, lines } = openPeer({ methods: { echo } })
  receive('{"jsonrpc":"2.0","id":7,"method":"echo","params":{"a":[1,"ü"]}}\n')
  t.same(await lines(1), [{ jsonrpc: '2.0', id: 7, result: { a: [1, 'ü'] } }])
})

test('a line that is not JSON is told so and the connection goes on (US-11)', async (t) => {
  const { receive, lines, closed } = openPeer({ methods: { echo } })
  receive('{"jsonrpc":\nnonsense\n\u0000\n')
  receive('{"jsonrpc":"2.0","id":"a","method":"echo","params":[]}\n')
  const written = await lines(4)
  for (const line of written.slice(0, 3)) t.match(line, { id: null, error: { code: -32700 } })
  t.match(written[3], { id: 'a', result: [] })
  t.same(closed, [])
})

test('bytes that are not UTF-8 are refused, not repaired', async (t) => {
  const { peer, lines } = openPeer({ methods: { echo } })
  peer.receive(Uint8Array.of(0x22, 0xff, 0xfe, 0x22, 0x0a))
  t.match((await lines(1))[0], { id: null, error: { code: -32700 } })
})

test('empty lines and the line ends of Windows are no messages and no mistakes', async (t) => {
  const { receive, lines, written } = openPeer({ methods: { echo } })
  receive('\n\r\n  \n{"jsonrpc":"2.0","id":1,"method":"echo"}\r\n')
  await lines(1)
  t.match(written, [{ id: 1, result: null }])
  t.equal(written.length, 1)
})

test('ids that JSON-RPC does not know are refused with -32600 (US-13)', async (t) => {
  for (const id of ['{}', '[]', '1.5', 'null', 'true', '1e300', '""', JSON.stringify('x'.repeat(300))]) {
    const { receive, lines } = openPeer({ methods: { echo } })
    receive(`{"jsonrpc":"2.0","id":${id},"method":"echo"}\n`)
    t.match((await lines(1))[0], { id: null, error: { code: -32600 } }, id.slice(0, 20))
  }
})

test('an id that is in use is refused without ending the request that has it (US-13)', async (t) => {
  const waiting = Promise.withResolvers<string>()
  const { receive, lines } = openPeer({ methods: { wait: () => waiting.promise } })
  receive('{"jsonrpc":"2.0","id":5,"method":"wait"}\n{"jsonrpc":"2.0","id":5,"method":"wait"}\n')
  t.match((await lines(1))[0], { id: null, error: { code: -32600 } })
  waiting.resolve('done')
  t.match((await lines(2))[1], { id: 5, result: 'done' })
})

test('notifications are never answered, known or not (US-13)', async (t) => {
  const seen: unknown[] = []
  const { receive, lines, written } = openPeer({
    methods: { echo },
    notifications: { seen: (parameters) => void seen.push(parameters) },
  })
  receive('{"jsonrpc":"2.0","method":"seen","params":{"x":1}}\n{"jsonrpc":"2.0","method":"toString"}\n')
  receive('{"jsonrpc":"2.0","method":"echo"}\n{"jsonrpc":"2.0","id":1,"method":"echo"}\n')
  await lines(1)
  t.same(seen, [{ x: 1 }])
  t.equal(written.length, 1)
})

test('what is no request is refused with -32600 and the id that can be read', async (t) => {
  const cases: [string, unknown][] = [
    ['[]', null],
    ['[{"jsonrpc":"2.0","id":1,"method":"echo"}]', null],
    ['7', null],
    ['null', null],
    ['{}', null],
    ['{"id":3,"method":"echo"}', 3],
    ['{"jsonrpc":"1.0","id":3,"method":"echo"}', 3],
    ['{"jsonrpc":"2.0","id":3}', 3],
    ['{"jsonrpc":"2.0","id":3,"method":4}', 3],
    ['{"jsonrpc":"2.0","id":3,"method":"echo","params":"text"}', 3],
  ]
  for (const [line, id] of cases) {
    const { receive, lines } = openPeer({ methods: { echo } })
    receive(`${line}\n`)
    t.match((await lines(1))[0], { id, error: { code: -32600 } }, line)
  }
})

test('an answer is never answered, however wrong it is, so two ends cannot complain for ever', async (t) => {
  const { receive, lines, written } = openPeer({ methods: { echo } })
  receive('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"x"}}\n{"id":{},"result":1}\n')
  receive('{"jsonrpc":"2.0","id":99,"result":1}\n{"jsonrpc":"2.0","id":1,"method":"echo"}\n')
  await lines(1)
  t.equal(written.length, 1)
})

test('a method that is not in the table is -32601', async (t) => {
  const { receive, lines } = openPeer({ methods: { echo } })
  receive('{"jsonrpc":"2.0","id":1,"method":"constructor"}\n')
  t.match((await lines(1))[0], { id: 1, error: { code: -32601, data: { code: 'method.unknown', retryable: false } } })
})

test('a line without end is cut at the limit: a parse error, then the connection is closed (US-15)', async (t) => {
  const { peer, lines, closed, receive } = openPeer({ methods: { echo } })
  const chunk = new Uint8Array(64 * 1024).fill(0x61)
  const before = process.memoryUsage().arrayBuffers
  for (let bytes = 0; bytes <= limits.lineBytesMax; bytes += chunk.length) peer.receive(chunk.slice())
  t.match((await lines(1))[0], { id: null, error: { code: -32700 } })
  t.equal(closed.length, 1)
  for (let rounds = 0; rounds < 500; rounds += 1) peer.receive(chunk.slice())
  receive('\n{"jsonrpc":"2.0","id":1,"method":"echo"}\n')
  t.equal((await lines(1)).length, 1, 'nothing is read after that')
  // The collector works beside this thread: a leak would keep this waiting until the test is over time.
  while (process.memoryUsage().arrayBuffers - before > 8 * 1024 * 1024) {
    collectGarbage()
    await new Promise((resolve) => setImmediate(resolve))
  }
})

test('a line of exactly the limit is taken', async (t) => {
  const line = `{"jsonrpc":"2.0","id":1,"method":"echo","params":["${'ü'.repeat(20)}"]}`
  const lineBytesMax = encoder.encode(line).length
  const fits = openPeer({ methods: { echo }, lineBytesMax })
  fits.receive(`${line}\n`)
  t.match((await fits.lines(1))[0], { id: 1 })
  const tooLong = openPeer({ methods: { echo }, lineBytesMax: lineBytesMax - 1 })
  tooLong.receive(`${line}\n`)
  t.match((await tooLong.lines(1))[0], { error: { code: -32700 } })
})

test('any split of the bytes gives the same messages', async () => {
  const content = { text: fc.string({ unit: 'grapheme', maxLength: 40 }), number: fc.integer() }
  const message = fc.record(content, { noNullPrototype: true })
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 8 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      async (sent, sizes) => {
        const seen: unknown[] = []
        const { peer } = openPeer({ notifications: { note: (parameters) => void seen.push(parameters) } })
        const bytes = encoder.encode(sent.map((parameters) => toNotification('note', parameters)).join(''))
        const buffer = new Uint8Array(9)
        for (let start = 0; start < bytes.length;) {
          const size = sizes.next().value ?? 1
          const piece = bytes.subarray(start, start + size)
          // A transport may use its buffer again.
          buffer.set(piece)
          peer.receive(buffer.subarray(0, piece.length))
          start += size
        }
        assert.deepEqual(seen, sent)
      },
    ),
    { numRuns: 200 },
  )
})

test('a Failure arrives at the other end as the same Failure', async (t) => {
  const thrown = new Failure('run.unknown', 'There is no run g-1.', { hint: 'codegen runs lists them.' })
  const { left } = openPair({}, { methods: { fail: () => Promise.reject(thrown) } })
  const failure = await left.request('fail', {}).catch((reason: unknown) => reason)
  t.type(failure, Failure)
  t.match(failure, { code: 'run.unknown', message: thrown.message, hint: thrown.hint, retryable: false })
})

test('what breaks in a method is internal outside and whole for the log', async (t) => {
  const faults: unknown[] = []
  const broken = new TypeError('the secret is 42')
  const { left } = openPair(
    {},
    {
      methods: {
        late: () => Promise.reject(broken),
        atOnce() {
          throw broken
        },
        circular() {
          const self: { self?: unknown } = {}
          return (self.self = self)
        },
      },
      onFault: (method, fault) => void faults.push([method, fault]),
    },
  )
  for (const method of ['late', 'atOnce']) {
    const failure = await left.request(method, {}).catch((reason: unknown) => reason)
    t.match(failure, { code: 'internal' })
    t.notMatch(String(failure), /42/)
  }
  await t.rejects(left.request('circular', {}), { code: 'message.too_big' })
  t.match(faults, [
    ['late', broken],
    ['atOnce', broken],
    ['circular', TypeError],
  ])
})

test('an error without our code is found by its number', async (t) => {
  const { peer, receive } = openPeer()
  const asked = peer.request('anything', {})
  receive('{"jsonrpc":"2.0","id":1,"error":{"code":-32012,"message":"gone"}}\n')
  await t.rejects(asked, { code: 'run.unknown', message: 'gone' })
  const again = peer.request('anything', {})
  receive('{"jsonrpc":"2.0","id":2,"error":"what"}\n')
  await t.rejects(again, { code: 'internal' })
})

test('a request without an answer in time fails as client.timeout and is taken back', async (t) => {
  const fired: (() => void)[] = []
  const clock = { setTimeout: (run: () => void) => fired.push(run), clearTimeout: () => undefined }
  const { peer, written, receive } = openPeer({ timers: clock })
  const asked = peer.request('slow', {}, { timeoutMs: 50 })
  fired[0]?.()
  await t.rejects(asked, { code: 'client.timeout', retryable: true })
  t.match(written[1], { method: '$/cancelRequest', params: { id: 1 } })
  receive('{"jsonrpc":"2.0","id":1,"result":"late"}\n')
  t.equal(written.length, 2, 'a late answer is nothing')
})

test('a cancelled request fails here, is aborted there and is answered -32800', async (t) => {
  const aborted = Promise.withResolvers<unknown>()
  const { left } = openPair(
    {},
    {
      methods: {
        // Ignores its signal, and is answered for anyway.
        deaf: (_parameters, { signal }) =>
          new Promise(() => signal.addEventListener('abort', () => aborted.resolve(signal.reason))),
      },
    },
  )
  const stop = new AbortController()
  const asked = left.request('deaf', {}, { signal: stop.signal })
  stop.abort()
  await t.rejects(asked, { code: 'client.cancelled' })
  t.match(await aborted.promise, { code: 'client.cancelled' })
  await t.rejects(left.request('deaf', {}, { signal: stop.signal }), { code: 'client.cancelled' }, 'aborted before')
})

test('$/cancelRequest of the other end is answered -32800; of an unknown id it is nothing', async (t) => {
  const { receive, lines, written } = openPeer({ methods: { waitForEver } })
  receive('{"jsonrpc":"2.0","id":"q","method":"waitForEver"}\n')
  for (const parameters of ['{"id":"other"}', '{}', '[]', '{"id":{}}']) {
    receive(`{"jsonrpc":"2.0","method":"$/cancelRequest","params":${parameters}}\n`)
  }
  receive('{"jsonrpc":"2.0","method":"$/cancelRequest","params":{"id":"q"}}\n')
  t.match((await lines(1))[0], { id: 'q', error: { code: -32800 } })
  t.equal(written.length, 1)
})

test('closing fails what was asked, aborts what is being answered, and is done once', async (t) => {
  const aborted: unknown[] = []
  const { peer, closed, receive, written } = openPeer({
    methods: {
      wait(_parameters, { signal }) {
        signal.addEventListener('abort', () => aborted.push(signal.reason))
        return new Promise(() => undefined)
      },
    },
  })
  const asked = peer.request('anything', {}, { timeoutMs: Infinity })
  receive('{"jsonrpc":"2.0","id":1,"method":"wait"}\n')
  const gone = new Failure('client.closed', 'It has left.')
  peer.close(gone)
  peer.close(new Failure('internal', 'again'))
  await t.rejects(asked, { code: 'client.closed', message: 'It has left.' })
  await t.rejects(peer.request('anything', {}), { code: 'client.closed' })
  peer.notify('anything', {})
  t.strictSame(aborted, [gone])
  t.strictSame(closed, [gone])
  t.equal(written.length, 1, 'nothing is written after the close')
})

test('more open requests than the limit are refused as busy', async (t) => {
  const { receive, lines } = openPeer({ methods: { waitForEver }, openRequestsMax: 2 })
  for (const id of [1, 2, 3]) receive(`{"jsonrpc":"2.0","id":${id},"method":"waitForEver"}\n`)
  t.match((await lines(1))[0], { id: 3, error: { code: -32001, data: { retryable: true } } })
})

test('an answer too long for a line becomes an error, not a broken connection', async (t) => {
  const { receive, lines } = openPeer({ methods: { long: () => 'x'.repeat(500) }, lineBytesMax: 300 })
  receive('{"jsonrpc":"2.0","id":1,"method":"long"}\n')
  t.equal(errorOf((await lines(1))[0]).data['code'], 'message.too_big')
})

test('a notification that throws ends nothing', async (t) => {
  const faults: unknown[] = []
  const { receive, lines } = openPeer({
    methods: { echo },
    notifications: {
      bad() {
        throw new Error('broken')
      },
    },
    onFault: (method) => void faults.push(method),
  })
  receive('{"jsonrpc":"2.0","method":"bad"}\n{"jsonrpc":"2.0","id":1,"method":"echo"}\n')
  t.match((await lines(1))[0], { id: 1 })
  t.strictSame(faults, ['bad'])
})

test('random bytes never throw and never end the connection before the limit', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }), (chunks) => {
      const { peer, closed } = openPeer({ methods: { echo } })
      for (const chunk of chunks) peer.receive(chunk)
      assert.deepEqual(closed, [])
    }),
    { numRuns: 300 },
  )
})
