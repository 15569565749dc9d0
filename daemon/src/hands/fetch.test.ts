import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { createServer as createSocketServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import type { FetchOptions } from '@codegen/kit'
import { Failure } from '@codegen/protocol/failure'
import { test } from 'tap'
import type { Test } from 'tap'
import { createFetch } from '#hands/fetch'
import { toNextHop } from '#hands/fetch-hops'
import type { LookupAll } from '#hands/fetch-place'
import { isPublicAddress } from '#hands/public-address'

const usual: FetchOptions = { timeoutMs: 5_000, decodedBytesMax: 10 * 1024 * 1024, redirectsMax: 5 }

test('only addresses of the open Internet are public (WF-06, WF-07, WF-10)', async (t) => {
  for (const address of ['8.8.8.8', '1.1.1.1', '93.184.216.34', '2606:4700:4700::1111', '2a00:1450:4001:82a::200e']) {
    t.ok(isPublicAddress(address), address)
  }
  const refused = [
    ...[
      '127.0.0.1',
      '127.1.2.3',
      '0.0.0.0',
      '10.0.0.1',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '169.254.169.254',
    ],
    ...[
      '100.64.0.1',
      '100.100.100.200',
      '198.18.0.1',
      '192.0.0.1',
      '192.0.2.1',
      '224.0.0.1',
      '240.0.0.1',
      '255.255.255.255',
    ],
    ...[
      '::',
      '::1',
      'fe80::1',
      'fe80::1%eth0',
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
      '2001:db8::1',
      '100::1',
      '4000::1',
    ],
    ...[
      '::ffff:127.0.0.1',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '64:ff9b:1::1',
      '2002:7f00:1::',
      '2001::1',
    ],
    ...['localhost', '', '999.1.1.1'],
  ]
  for (const address of refused) t.notOk(isPublicAddress(address), address)
})

test('a literal address that is not public is refused however it is written, and nothing is looked up (WF-01, WF-03, WF-04, WF-05, WF-06, WF-07, WF-10)', async (t) => {
  const fetch = create({ lookup: () => Promise.reject(new Error('looked up')) })
  const hosts = [
    ...['127.0.0.1', '127.1', '0x7f.1', '2130706433', '017700000001', '0.0.0.0', '[::]', '[::1]', '[::ffff:127.0.0.1]'],
    ...[
      '169.254.169.254',
      '[fd00:ec2::254]',
      '10.1.2.3',
      '192.168.0.1:8080',
      '100.100.100.200',
      '[64:ff9b::7f00:1]',
      '127.0.0.1.',
    ],
  ]
  for (const host of hosts) await t.rejects(fetch(`http://${host}/`, usual), { code: 'fetch.blocked' }, host)
})

test('a name is judged by the addresses it has, by all of them (WF-02, WF-12, WF-13)', async (t) => {
  const served = await serve(t, (_request, response) => response.end('inside'))
  const names: Record<string, string[]> = {
    'private.example': ['127.0.0.1'],
    'private6.example': ['::1'],
    'mixed.example': ['93.184.216.34', '10.0.0.1'],
    localhost: ['127.0.0.1', '::1'],
  }
  const fetch = create({ lookup: async (name) => toAddresses(names[name] ?? []) })
  for (const name of Object.keys(names)) {
    await t.rejects(fetch(`http://${name}:${served.port}/`, usual), { code: 'fetch.blocked' }, name)
  }
  await t.rejects(fetch('http://nothing.example/', usual), { code: 'fetch.failed' })
  t.equal(served.requests.length, 0)
})

test('the address that was judged is the one that is connected to', async (t) => {
  const served = await serve(t, (_request, response) => response.end('inside'))
  let lookups = 0
  const lookup: LookupAll = async () => toAddresses([(lookups += 1) === 1 ? '192.0.2.1' : '127.0.0.1'])
  await t.rejects(create({ lookup })(`http://rebound.example:${served.port}/`, usual), { code: 'fetch.blocked' })
  t.equal(lookups, 1)
})

test('a host the owner listed is fetched, by name, address and port', async (t) => {
  const served = await serve(t, (_request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8').statusCode = 404
    response.end('no such page')
  })
  const lookup: LookupAll = async () => toAddresses(['127.0.0.1'])
  for (const allowed of ['wiki.example', `wiki.example:${served.port}`, 'WIKI.example.']) {
    const fetch = create({ allowedHosts: [allowed], lookup })
    const page = await fetch(`http://wiki.example:${served.port}/a?b#c`, usual)
    t.match(page, { status: 404, contentType: 'text/plain; charset=utf-8', truncated: false })
    t.equal(page.url, `http://wiki.example:${served.port}/a?b`)
    t.equal(toText(page.bytes), 'no such page')
  }
  t.match(await create({ allowedHosts: ['127.0.0.1'] })(served.url, usual), { status: 404 })
  for (const other of ['wiki.example:1', 'example', 'iki.example', '', 'http://wiki.example', 'wiki.example/a', '*']) {
    const fetch = create({ allowedHosts: [other], lookup })
    await t.rejects(fetch(`http://wiki.example:${served.port}/`, usual), { code: 'fetch.blocked' }, other)
  }
})

test('what is judged is the host that is parsed, and no credentials leave (WF-21, WF-22)', async (t) => {
  const names: string[] = []
  const lookup: LookupAll = async (name) => {
    names.push(name)
    return toAddresses(['127.0.0.1'])
  }
  const fetch = create({ allowedHosts: ['allowed.example'], lookup })
  for (const url of [
    'https://user:secret@host.example',
    'http://allowed.example@evil.example/',
    'http://:p@allowed.example/',
  ]) {
    const failure = await fetch(url, usual).catch((error: unknown) => error)
    t.match(failure, { code: 'tool.bad_arguments' }, url)
    t.notMatch(String(failure), /secret|evil/)
  }
  const malformed = [
    ...[
      'http://exa\nmple.com/',
      'http://a\r\nHost: b/',
      'http://a\0b/',
      'http://a b/',
      '',
      'nothing',
      '//host/',
      'http://',
    ],
    ...['ftp://host.example/', 'file:///etc/passwd', 'data:text/plain,a', 'javascript:1', 'ws://host.example/'],
  ]
  for (const url of malformed) await t.rejects(fetch(url, usual), { code: 'tool.bad_arguments' }, JSON.stringify(url))
  t.same(names, [])
  for (const url of [
    'http://allowed.example.evil.example/',
    'http://аllowed.example/',
    'http://evil.example?allowed.example',
  ]) {
    await t.rejects(fetch(url, usual), { code: 'fetch.blocked' }, url)
  }
})

test('each redirect is judged anew (WF-15, WF-16)', async (t) => {
  const secret = await serve(t, (_request, response) => response.end('secret'))
  const served = await serve(t, (request, response) => {
    const to = request.url === '/chain' ? '/second' : `http://private.example:${secret.port}/`
    redirect(response, to)
  })
  const lookup: LookupAll = async () => toAddresses(['127.0.0.1'])
  const fetch = create({ allowedHosts: ['open.example'], lookup })
  for (const path of ['/', '/chain']) {
    await t.rejects(fetch(`http://open.example:${served.port}${path}`, usual), {
      code: 'fetch.blocked',
      message: /private\.example/,
    })
  }
  t.same(
    served.requests.map(({ url }) => url),
    ['/', '/chain', '/second'],
  )
  t.equal(secret.requests.length, 0)
})

test('what was asked for over https is not fetched over http after a redirect (WF-18)', (t) => {
  const from = new URL('https://a.example/path/page?x')
  for (const location of ['http://a.example/', 'HTTP://b.example/', 'http://a.example:443/'])
    t.throws(() => toNextHop(from, location), { code: 'fetch.blocked', message: /from https to http/ }, location)
  const followed = ['https://b.example/', '//b.example/', '/other', '../up', '?y'].map((to) => toNextHop(from, to).href)
  t.same(followed, [
    'https://b.example/',
    'https://b.example/',
    'https://a.example/other',
    'https://a.example/up',
    'https://a.example/path/page?y',
  ])
  t.equal(toNextHop(new URL('http://a.example/'), 'https://a.example/').href, 'https://a.example/')
  t.end()
})

test('a redirect leads to where it points, at most five times and never to a user name or another kind of URL (WF-17)', async (t) => {
  const served = await serve(t, (request, response) => {
    const url = request.url ?? ''
    const left = Number(/^\/left\/(\d+)$/.exec(url)?.[1] ?? Number.NaN)
    if (left > 0) redirect(response, `../left/${left - 1}`, [301, 302, 303, 307, 308][left % 5])
    else if (url === '/loop') redirect(response, '/loop')
    else if (url === '/user') redirect(response, 'http://u:p@127.0.0.1/')
    else if (url === '/file') redirect(response, 'file:///etc/passwd')
    else if (url === '/nowhere') response.writeHead(302).end('stays')
    else response.end('arrived')
  })
  const fetch = create({ allowedHosts: ['127.0.0.1'] })
  const page = await fetch(`${served.url}left/5`, usual)
  t.equal(toText(page.bytes), 'arrived')
  t.equal(page.url, `${served.url}left/0`)
  await t.rejects(fetch(`${served.url}left/6`, usual), { code: 'fetch.failed', message: /more than 5 times/ })
  served.requests.length = 0
  await t.rejects(fetch(`${served.url}loop`, { ...usual, redirectsMax: 100 }), { code: 'fetch.failed' })
  t.equal(served.requests.length, 6)
  await t.rejects(fetch(`${served.url}left/1`, { ...usual, redirectsMax: 0 }), { code: 'fetch.failed' })
  await t.rejects(fetch(`${served.url}user`, usual), { code: 'tool.bad_arguments' })
  await t.rejects(fetch(`${served.url}file`, usual), { code: 'tool.bad_arguments' })
  t.equal(toText((await fetch(`${served.url}nowhere`, usual)).bytes), 'stays')
})

test('headers of one host reach no other, and cookies reach nobody (WF-38)', async (t) => {
  const other = await serve(t, (_request, response) => response.end('other'))
  const served = await serve(t, (request, response) => {
    response.setHeader('set-cookie', 'session=1; Path=/')
    if (request.url === '/away') redirect(response, `http://b.example:${other.port}/`)
    else if (request.url === '/here') redirect(response, '/end')
    else response.end('end')
  })
  const lookup: LookupAll = async () => toAddresses(['127.0.0.1'])
  const fetch = create({ allowedHosts: ['a.example', 'b.example'], lookup })
  const options = { ...usual, headers: { authorization: 'Bearer secret', cookie: 'mine=1' } }
  for (const path of ['here', 'away', 'end']) await fetch(`http://a.example:${served.port}/${path}`, options)
  t.same(new Set(served.requests.map(({ headers }) => headers.authorization)), new Set(['Bearer secret']))
  t.notMatch(JSON.stringify(other.requests[0]?.headers), /secret|mine|session/)
  t.notMatch(JSON.stringify(served.requests.map(({ headers }) => headers)), /session/)
  t.notMatch(JSON.stringify(other.requests[0]?.headers), /referer/i)
})

test('proxy variables of the environment are not used (WF-35)', async (t) => {
  const proxy = await serve(t, (_request, response) => response.end('proxied'))
  const served = await serve(t, (_request, response) => response.end('direct'))
  for (const name of ['HTTP_PROXY', 'http_proxy', 'ALL_PROXY', 'NODE_USE_ENV_PROXY']) {
    process.env[name] = name.startsWith('NODE') ? '1' : proxy.url
    t.teardown(() => delete process.env[name])
  }
  t.equal(toText((await create({ allowedHosts: ['127.0.0.1'] })(served.url, usual)).bytes), 'direct')
  t.equal(proxy.requests.length, 0)
})

test('a body is cut at the limit, counted as it is after decoding (WF-24, WF-30)', async (t) => {
  const million = Buffer.alloc(1_000_000, 'a')
  const encodings: Record<string, Buffer> = {
    gzip: gzipSync(million),
    deflate: deflateSync(million),
    br: brotliCompressSync(million),
    zstd: zstdCompressSync(million),
    'gzip, br': brotliCompressSync(gzipSync(million)),
    identity: million,
  }
  const served = await serve(t, (request, response) => {
    const encoding = decodeURIComponent(request.url?.slice(1) ?? '')
    response.setHeader('content-encoding', encoding)
    response.end(encodings[encoding])
  })
  const fetch = create({ allowedHosts: ['127.0.0.1'] })
  for (const encoding of Object.keys(encodings)) {
    const url = `${served.url}${encodeURIComponent(encoding)}`
    const whole = await fetch(url, { ...usual, decodedBytesMax: 1_000_000 })
    t.ok(Buffer.from(whole.bytes).equals(million), encoding)
    t.equal(whole.truncated, false, encoding)
    const cut = await fetch(url, { ...usual, decodedBytesMax: 999_999 })
    t.same([cut.truncated, cut.bytes.length], [true, 999_999], encoding)
  }
})

test('an answer without end, a bomb and a thousand encodings cost no more than the limit (WF-24, WF-26, WF-30, WF-31)', async (t) => {
  const bomb = gzipSync(gzipSync(Buffer.alloc(200_000_000)))
  const served = await serve(t, (request, response) => {
    if (request.url === '/endless') {
      const pump = () => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, 'a')));
        response.once('drain', pump)
      }
      return pump()
    }
    if (request.url === '/bomb') return void response.setHeader('content-encoding', 'gzip, gzip').end(bomb)
    response.setHeader('content-encoding', Array.from({ length: 1_000 }, () => 'gzip').join(', ')).end('x')
  })
  const fetch = create({ allowedHosts: ['127.0.0.1'] })
  const options = { ...usual, decodedBytesMax: 1_000_000 }
  const before = process.memoryUsage.rss()
  for (const path of ['endless', 'bomb']) {
    const { truncated, bytes } = await fetch(`${served.url}${path}`, options)
    t.same([truncated, bytes.length], [true, 1_000_000], path)
  }
  t.ok(process.memoryUsage.rss() - before < 64_000_000)
  await t.rejects(fetch(`${served.url}layers`, options), { code: 'fetch.failed' })
})

test('an answer that is not what its headers say fails and does not hang (WF-25)', async (t) => {
  const answers: Record<string, string> = {
    '/short': 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nfew',
    '/notgzip': 'HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello',
    '/unknown': 'HTTP/1.1 200 OK\r\nContent-Encoding: rot13\r\nContent-Length: 5\r\n\r\nhello',
    '/chunks': 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    '/nonsense': 'hello\r\n\r\n',
    '/empty': '',
  }
  const server = createSocketServer((socket) => {
    socket.on('error', () => undefined)
    socket.once('data', (bytes) => socket.end(answers[/^GET (\S+)/.exec(bytes.toString())?.[1] ?? ''] ?? ''))
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => server.close())
  const fetch = create({ allowedHosts: ['127.0.0.1'] })
  const { port } = server.address() as AddressInfo
  for (const path of Object.keys(answers)) {
    await t.rejects(fetch(`http://127.0.0.1:${port}${path}`, usual), { code: 'fetch.failed' }, path)
  }
  await t.rejects(fetch('http://127.0.0.1:1/', usual), { code: 'fetch.failed', message: /ECONNREFUSED/ })
})

test('the limit in time holds for the whole way: the lookup, the answer, its body and all redirects', async (t) => {
  const served = await serve(t, (request, response) => {
    if (request.url === '/never') return
    if (request.url === '/slowly') return void setInterval(() => response.write('.'), 20).unref()
    setTimeout(() => redirect(response, '/again'), 60)
  })
  const lookup: LookupAll = (name) =>
    name === 'never.example' ? new Promise(() => undefined) : Promise.resolve(toAddresses(['127.0.0.1']))
  const fetch = create({ allowedHosts: ['127.0.0.1', 'never.example'], lookup })
  for (const url of [`${served.url}never`, `${served.url}slowly`, `${served.url}redirects`, 'http://never.example/']) {
    await t.rejects(fetch(url, { ...usual, timeoutMs: 200 }), { code: 'tool.timeout' }, url)
  }
})

test('a cancelled call ends at once with its reason', async (t) => {
  const controller = new AbortController()
  const served = await serve(t, () => controller.abort(new Failure('client.cancelled', 'The owner cancelled it.')))
  const fetch = create({ allowedHosts: ['127.0.0.1'], signal: controller.signal })
  await t.rejects(fetch(served.url, usual), { code: 'client.cancelled', message: 'The owner cancelled it.' })
  await t.rejects(fetch(served.url, usual), { code: 'client.cancelled' })
  t.equal(served.requests.length, 1)
})

function create(place: Partial<Parameters<typeof createFetch>[0]>): ReturnType<typeof createFetch> {
  return createFetch({ allowedHosts: [], signal: new AbortController().signal, ...place })
}

function toAddresses(addresses: readonly string[]): { address: string; family: number }[] {
  return addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))
}

function toText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}

function redirect(response: ServerResponse, location: string, status = 302): void {
  response.writeHead(status, { location }).end('moved')
}

type Served = { url: string; port: number; requests: IncomingMessage[] }

/** An HTTP server on loopback, and what it was asked. */
async function serve(t: Test, answer: RequestListener): Promise<Served> {
  const requests: IncomingMessage[] = []
  const server = createServer((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}/`, port, requests }
}
