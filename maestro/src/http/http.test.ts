import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import { test } from 'tap'
import { Failure } from '@codegen/protocol/failure'
import { toAddressKey } from './address.ts'
import { createApp } from './app.ts'
import { createAllowance } from './allowance.ts'
import { createDoor } from './door.ts'
import { createKeyring } from './keyring.ts'
import type { HttpPorts } from './ports.ts'

const good = 'a-token-that-is-good'
const another = 'another-good-token'

/** A door with a clock in the test's hands, and what comes to it. */
function createBench(hosts?: string[]) {
  let clock = 0
  const keyring = createKeyring([{ text: good, name: 'ann' }, { text: another }], () => clock)
  const door = createDoor({
    keyring,
    hosts,
    requestsPerSecond: 10,
    executorsPerToken: 2,
    viewersPerToken: 1,
    addressOf: (request) => request.headers['x-address']?.toString(),
    now: () => clock,
  })
  const request = (token: string, more: { url?: string; host?: string; address?: string } = {}): IncomingMessage => {
    const { url = '/v1/runs', host = 'localhost:7717', address = '192.0.2.1' } = more
    const made = new IncomingMessage(new Socket())
    return Object.assign(made, { url, headers: { host, 'x-address': address, authorization: `Bearer ${token}` } })
  }
  const codeOf = (work: () => unknown): string => {
    try {
      work()
      return 'admitted'
    } catch (thrown) {
      return thrown instanceof Failure ? thrown.code : String(thrown)
    }
  }
  return { door, keyring, request, codeOf, pass: (ms: number) => (clock += ms) }
}

test('in any stretch of time a key has its burst and what came since, and never more', (t) => {
  const figure = fc.integer({ min: 1, max: 50 })
  const pauses = fc.array(fc.integer({ min: 0, max: 400 }), { maxLength: 200 })
  fc.assert(
    fc.property(figure, figure, pauses, (perSecond, burst, gaps) => {
      let clock = 0
      const allowance = createAllowance({ perSecond, burst, keysMax: 10, now: () => clock })
      const taken: number[] = []
      for (const gap of gaps) {
        clock += gap
        const wait = allowance.take('k')
        clock += wait
        if (wait > 0 && allowance.take('k') > 0) return false
        taken.push(clock)
      }
      return taken.every((from, index) =>
        taken.slice(index).every((to, more) => more + 1 <= burst + ((to - from) * perSecond) / 1_000 + 1e-6),
      )
    }),
  )
  t.end()
})

test('what is remembered of keys is bounded, whoever comes', (t) => {
  const allowance = createAllowance({ perSecond: 1, burst: 1, keysMax: 100, now: () => 0 })
  t.equal(allowance.take('a'), 0)
  t.equal(allowance.take('a'), 1_000)
  for (let index = 0; index < 200; index += 1) allowance.take(`k-${index}`)
  t.equal(allowance.take('a'), 0, 'it was forgotten for the others')
  t.end()
})

test('a token may ask so often and is told when it may again; another is not held up by it', (t) => {
  const { door, request, codeOf, pass } = createBench()
  for (let index = 0; index < 100; index += 1) door.admit(request(good))
  t.throws(() => door.admit(request(good)), { code: 'request.too_many', retryAfterMs: 100 })
  t.equal(
    codeOf(() => door.admit(request(another))),
    'admitted',
  )
  pass(100)
  t.equal(
    codeOf(() => door.admit(request(good))),
    'admitted',
  )
  t.end()
})

test('an address is counted before anything is known of its request, and a Unix socket has none', (t) => {
  const { door, request, codeOf } = createBench()
  for (let index = 0; index < 400; index += 1) door.knock(request(''))
  t.equal(
    codeOf(() => door.knock(request(''))),
    'request.too_many',
  )
  t.equal(
    codeOf(() => door.knock(request('', { address: '192.0.2.2' }))),
    'admitted',
  )
  for (let index = 0; index < 1_000; index += 1) door.knock(request('', { address: '' }))
  t.end()
})

test('wrong tokens from one address are soon not judged any more, and those who were in before still are', (t) => {
  const { door, request, codeOf, pass } = createBench()
  t.match(door.admit(request(good)), { principal: { name: 'ann', teamId: 'default' } })
  for (let index = 0; index < 30; index += 1)
    t.equal(
      codeOf(() => door.admit(request(`wrong-${index}`))),
      'server.unauthenticated',
    )
  t.equal(
    codeOf(() => door.admit(request('wrong'))),
    'request.too_many',
  )
  t.equal(
    codeOf(() => door.admit(request(another))),
    'request.too_many',
    'a right guess is not told either',
  )
  t.equal(
    codeOf(() => door.admit(request(good))),
    'admitted',
  )
  t.equal(
    codeOf(() => door.admit(request(another, { address: '192.0.2.2' }))),
    'admitted',
  )
  pass(2_000)
  t.equal(
    codeOf(() => door.admit(request(another))),
    'admitted',
  )
  t.end()
})

test('a name that is not ours is refused, and a token in the address (PR-29, PR-27)', (t) => {
  const { door, request, codeOf } = createBench(['localhost', '127.0.0.1', '[::1]', 'maestro.example'])
  const at = (host: string): string => codeOf(() => door.admit(request(good, { host })))
  for (const host of ['localhost', 'LOCALHOST:7717', '127.0.0.1:1', '[::1]:7717', 'maestro.example'])
    t.equal(at(host), 'admitted', host)
  for (const host of ['', 'evil.example', 'localhost.evil.example', 'localhost:1:1', 'localhost@evil', '[::2]'])
    t.equal(at(host), 'request.misdirected', host)
  for (const url of ['/v1/runs?token=x', '/v1/runs?limit=1&access_token=x', '/v1/runs?%74oken=x'])
    t.equal(
      codeOf(() => door.admit(request(good, { url }))),
      'request.invalid',
      url,
    )
  t.end()
})

test('connections that stay are counted by token until they end, and closed when their token opens no more', (t) => {
  const { door, keyring, request, codeOf } = createBench()
  const visitor = door.admit(request(good))
  const closed: string[] = []
  const seat = (name: string, kind: 'executor' | 'viewer' = 'executor') =>
    door.seat(visitor, { kind, close: () => closed.push(name) })
  const leave = seat('one')
  seat('two')
  t.equal(
    codeOf(() => seat('three')),
    'request.too_many',
  )
  seat('viewer', 'viewer')
  t.equal(
    codeOf(() => seat('another viewer', 'viewer')),
    'request.too_many',
  )
  door.seat(door.admit(request(another)), { kind: 'executor', close: () => closed.push('other') })
  leave()
  leave()
  seat('four')
  t.equal(
    codeOf(() => seat('five')),
    'request.too_many',
  )
  door.sweep()
  t.strictSame(closed, [])
  keyring.replace([{ text: another }])
  door.sweep()
  t.strictSame(closed, ['two', 'viewer', 'four'])
  t.end()
})

test('a token opens until it expires, and then says so (PR-23)', (t) => {
  let clock = Date.parse('2027-01-31T11:59:59Z')
  const keyring = createKeyring([{ text: good, expiresAt: Date.parse('2027-01-31T12:00:00Z') }], () => clock)
  const { tokenDigest } = keyring.judge(`Bearer ${good}`)
  t.ok(keyring.opens(tokenDigest))
  clock += 1_000
  t.notOk(keyring.opens(tokenDigest))
  t.throws(() => keyring.judge(`Bearer ${good}`), { code: 'server.unauthenticated', message: /expired at 2027-01/ })
  for (const header of [undefined, '', 'Bearer', `Basic ${good}`, `Bearer ${good}x`, `Bearer ${good} x`])
    t.throws(() => keyring.judge(header), { code: 'server.unauthenticated' })
  t.end()
})

test('one address is an IPv4 address or the /64 of an IPv6 one', (t) => {
  const cases: [string | undefined, string | undefined][] = [
    ['192.0.2.1', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    [undefined, undefined],
  ]
  for (const [address, key] of cases) t.equal(toAddressKey(address), key)
  t.end()
})

test('every route of the app is in its OpenAPI document', async (t) => {
  const { door } = createBench()
  const ports = { door, version: '0', looks: [], ready: [], warn: t.comment } as unknown as HttpPorts
  const app = createApp(ports)
  const routes: string[] = []
  app.addHook('onRoute', ({ method, url }) => void routes.push(...[method].flat().map((name) => `${name} ${url}`)))
  await app.ready()
  const headers = { authorization: `Bearer ${good}` }
  const { paths } = (await app.inject({ url: '/v1/openapi.json', headers })).json()
  await app.close()
  const documented = Object.entries<object>(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  const asked = routes.filter((route) => !route.startsWith('HEAD'))
  t.ok(asked.length > 10, `${asked.length} routes`)
  t.strictSame(new Set(documented), new Set(asked))
})
