import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import t from 'tap'
import { startScriptedModel } from '@codegen/scripted-model'
import { WebSocket } from 'ws'
import { dial, install, startRun } from '#support/installation'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess, MaestroUses } from '#support/maestro'
import { requireServices } from '#support/services'

const services = await requireServices(t)
const folder = await mkdtemp(join(tmpdir(), 'tokens-'))
const model = await startScriptedModel({ scenario: { steps: [{ text: 'Said.' }] } })
t.teardown(async () => {
  await model.stop()
  await rm(folder, { recursive: true })
})
const [ann, bob] = ['a-token-for-ann-and-her-laptop', 'a-token-for-bob-and-his-laptop']
let files = 0
if (services) testDoor()

function testDoor(): void {
  t.test('a token that is taken out of the file closes what it opened, within seconds (PR-25)', async (t) => {
    const { file, maestro } = await startWith(
      `# people\n${ann} name=ann\n${bob} name=bob expires=2999-01-01T00:00:00Z\n`,
    )
    const hers = await dial(t, maestro, install())
    const his = await dial(t, { ...maestro, token: bob }, install())
    const id = await startRun(hers, 'say it')
    const viewer = await maestro.fetch(`/v1/runs/${id}/events`)
    await writeFile(file, `${bob} name=bob\n`)
    t.match(await hers.closed(), { code: 4401, reason: /token/ })
    await t.rejects(viewer.text(), 'and her viewer is cut off')
    t.match(await get(maestro, '/v1/runs', bearer(ann)), { status: 401 })
    t.match(await get(maestro, '/v1/runs', bearer(bob)), { status: 200 })
    t.equal(his.socket.readyState, WebSocket.OPEN)
    await writeFile(file, 'short\n')
    while (!maestro.log().includes('cannot be used')) await wait(50)
    t.match(await get(maestro, '/v1/runs', bearer(bob)), { status: 200 }, 'a broken file takes nobody out')
    t.notOk(maestro.log().includes(bob))
  })

  t.test('an expired token is refused at the upgrade with the reason; what expires is closed (PR-23)', async (t) => {
    const soon = new Date(Date.now() + 6_000).toISOString()
    const { maestro } = await startWith(`${ann} expires=${soon}\n${bob} expires=2020-01-01T00:00:00Z\n`)
    t.match(await upgrade(maestro, bearer(bob)), { status: 401, body: /expired at 2020/ })
    const executor = await dial(t, maestro, install())
    t.match(await executor.closed(), { code: 4401 })
    t.match(await upgrade(maestro, bearer(ann)), { status: 401, body: /expired/ })
  })

  t.test('a wrong Host is 421 for requests and sockets, and health answers whoever asks (PR-29)', async (t) => {
    const maestro = await start()
    const own = bearer(maestro.token)
    for (const host of ['evil.example', 'localhost.evil.example:80'])
      t.match(await upgrade(maestro, { ...own, host }), { status: 421, body: /MAESTRO_HOSTS/ }, host)
    t.match(await upgrade(maestro, { ...own, host: 'localhost' }), { status: 101 })
    t.match(await get(maestro, '/v1/runs', { ...own, host: 'evil.example' }), { status: 421 })
    t.match(await get(maestro, '/healthz', { host: '10.0.0.7' }), { status: 200 })
    const named = await start({ env: { MAESTRO_HOSTS: 'Maestro.example' } })
    t.match(await get(named, '/v1/runs', { ...bearer(named.token), host: 'maestro.example' }), { status: 200 })
  })

  t.test('who asks too often is told when to come back; others are served on (PR-17)', async (t) => {
    const most = { MAESTRO_REQUESTS_PER_SECOND: '1', MAESTRO_EXECUTORS_PER_TOKEN: '2', MAESTRO_VIEWERS_PER_TOKEN: '1' }
    const { maestro } = await startWith(`${ann}\n${bob}\n`, { MAESTRO_TRUST_PROXY: 'loopback', ...most })
    const from = (address: string, token = ann) => ({ ...bearer(token), 'x-forwarded-for': address })
    const [one, two] = [await dial(t, maestro, install()), await dial(t, maestro, install())]
    t.match(await upgrade(maestro, from('192.0.2.9')), { status: 429, headers: { 'retry-after': '5' } })
    await dial(t, { ...maestro, token: bob }, install())
    const id = await startRun(one, 'say it')
    t.equal(two.socket.readyState, WebSocket.OPEN, 'who is in stays in')
    const path = `/v1/runs/${id}/events`
    const viewer = await maestro.fetch(path, { headers: from('192.0.2.9', bob) })
    t.match(await get(maestro, path, from('192.0.2.9', bob)), { status: 429 }, 'a second viewer')
    await viewer.body?.cancel()

    const asked = await Promise.all(Array.from({ length: 12 }, () => get(maestro, '/v1/runs', from('192.0.2.9'))))
    const refused = asked.filter(({ status }) => status === 429)
    t.match(refused[0], { headers: { 'retry-after': /^[0-9]+$/ }, body: /request\.too_many/ })
    t.match(await get(maestro, '/v1/runs', from('192.0.2.9', bob)), { status: 200 }, 'another token')

    const guess = (address: string) => get(maestro, '/v1/runs', from(address, 'a-wrong-token-a-wrong'))
    const guesses = await Promise.all(Array.from({ length: 35 }, () => guess('192.0.2.66')))
    t.strictSame(new Set(guesses.map(({ status }) => status)), new Set([401, 429]), 'wrong tokens')
    t.match(await guess('192.0.2.67'), { status: 401 }, 'from elsewhere')
  })

  t.test('X-Forwarded-For counts only from proxies that were named', async (t) => {
    const maestro = await start()
    const guess = (index: number) =>
      get(maestro, '/v1/runs', { ...bearer('wrong-wrong-wrong-wrong'), 'x-forwarded-for': `192.0.2.${index}` })
    const guesses = await Promise.all(Array.from({ length: 40 }, (_, index) => guess(index)))
    t.ok(
      guesses.some(({ status }) => status === 429),
      'forty made-up addresses are one',
    )
  })

  t.test('a flood of pings or frames closes its own socket, and nobody else feels it (PR-19)', async (t) => {
    const maestro = await start()
    const bystander = await dial(t, maestro, install())
    const flood = async (send: (socket: WebSocket) => void, times: number): Promise<number> => {
      const { socket, closed } = await dial(t, maestro, install())
      for (let index = 0; index < times; index += 1) send(socket)
      return (await closed()).code
    }
    t.equal(await flood((socket) => socket.ping(), 20_000), 4429)
    t.equal(await flood((socket) => socket.send('{"type":"stored","payload":{"ref":"x"}}'), 60_000), 4429)
    t.equal(await flood((socket) => socket.send(''), 1), 1007, 'a frame of no bytes is no JSON')
    t.equal(await flood((socket) => socket.send('', { fin: false }), 5_000), 1008, 'nor is one of endless pieces')
    bystander.socket.ping()
    await once(bystander.socket, 'pong')
    await startRun(bystander, 'say it')
  })

  t.test('heads and bodies have their sizes, and what is no HTTP is told so', async (t) => {
    const maestro = await start()
    const padded = { ...bearer(maestro.token), 'x-padding': 'x'.repeat(20_000) }
    t.match(await get(maestro, '/v1/runs', padded), { status: 431, body: /16384/ })
    t.equal((await maestro.post('/v1/runs/x/input', { content: 'x'.repeat(2 * 1024 * 1024) })).status, 413)
    const headers = { 'content-type': 'text/plain' }
    t.equal((await maestro.fetch('/v1/runs', { method: 'POST', headers, body: 'x' })).status, 415)
    const { hostname, port } = new URL(maestro.url)
    const say = async (text: string): Promise<string> => {
      const socket = connect(Number(port), hostname).setEncoding('utf8')
      socket.write(text)
      const [answer] = await once(socket, 'data')
      socket.destroy()
      return String(answer)
    }
    t.match(await say('HELO example\r\n\r\n'), /^HTTP\/1\.1 400 .*not HTTP/s)
    const head = `POST /v1/runs HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${maestro.token}\r\nContent-Type: application/json`
    t.match(await say(`${head}\r\nContent-Length: 9000000\r\n\r\n{`), /^HTTP\/1\.1 413 .*too_big/s, 'before it is sent')
  })
}

function start(more: Partial<MaestroUses> = {}): Promise<MaestroProcess> {
  return startMaestro(t, { modelUrl: model.url, ...services, ...more })
}

/** A Maestro whose tokens are in a file; ann's is its own. */
async function startWith(tokens: string, env: NodeJS.ProcessEnv = {}) {
  const file = join(folder, String((files += 1)))
  await writeFile(file, tokens)
  const maestro = await start({ token: ann, env: { MAESTRO_TOKENS: '', MAESTRO_TOKENS_FILE: file, ...env } })
  return { file, maestro }
}

function bearer(token: string): { authorization: string } {
  return { authorization: `Bearer ${token}` }
}

type Answered = { status: number | undefined; headers: NodeJS.Dict<string | string[]>; body: string }

/** Asks with these headers and no others; `fetch` would not let a Host be made up. */
async function get(maestro: MaestroProcess, path: string, headers: Record<string, string>): Promise<Answered> {
  const asking = request(new URL(path, maestro.url.replace('ws', 'http')), { headers, agent: false })
  asking.end()
  const [answer, socket] = await Promise.race([once(asking, 'response'), once(asking, 'upgrade')])
  socket?.destroy()
  let body = ''
  if (answer.statusCode !== 101) for await (const piece of answer) body += String(piece)
  return { status: answer.statusCode, headers: answer.headers, body }
}

/** Asks for a WebSocket. */
function upgrade(maestro: MaestroProcess, headers: Record<string, string>): Promise<Answered> {
  const key = { 'sec-websocket-version': '13', 'sec-websocket-key': Buffer.alloc(16).toString('base64') }
  return get(maestro, '/v1/executor', { connection: 'Upgrade', upgrade: 'websocket', ...key, ...headers })
}
