import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { test } from 'tap'
import type { Test } from 'tap'
import { WebSocketServer } from 'ws'
import { dial } from './dial.ts'
import { dialSoon } from './dial-soon.ts'
import { getJson } from './send.ts'
import { parseTarget } from './target.ts'

type Certificate = { readonly key: string; readonly text: string }

/** Makes certificates in a folder of their own; undefined where there is no openssl. */
function createForge(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'codegen-tls-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  const openssl = (...parameters: string[]): void =>
    void execFileSync('openssl', parameters, { cwd: folder, stdio: 'ignore' })
  try {
    openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', 'key.pem')
  } catch (thrown) {
    if (process.env['CODEGEN_REQUIRE_SERVICES'] === '1') throw thrown
    return undefined
  }
  return (name: string, days: number): Certificate => {
    writeFileSync(join(folder, 'extensions'), `subjectAltName=DNS:${name}\n`)
    openssl('req', '-new', '-key', 'key.pem', '-subj', `/CN=${name}`, '-out', 'request.pem')
    const signed = ['-signkey', 'key.pem', '-days', String(days), '-extfile', 'extensions', '-out', 'certificate.pem']
    openssl('x509', '-req', '-in', 'request.pem', ...signed)
    return {
      key: readFileSync(join(folder, 'key.pem'), 'utf8'),
      text: readFileSync(join(folder, 'certificate.pem'), 'utf8'),
    }
  }
}

async function serve(t: Test, { key, text }: Certificate): Promise<string> {
  const server = createServer({ key, cert: text }, (_request, response) => void response.end('{}'))
  const sockets = new WebSocketServer({ server })
  t.teardown(() => {
    sockets.close()
    server.close()
    server.closeAllConnections()
  })
  server.listen(0)
  await once(server, 'listening')
  const address = server.address()
  return `wss://localhost:${typeof address === 'object' ? address?.port : ''}/v1/executor`
}

test('a certificate that is self-signed, for another name or expired is refused, whatever the environment says (PR-31)', async (t) => {
  const forge = createForge(t)
  if (!forge) return t.plan(0, 'needs openssl')
  const [good, other, expired] = [forge('localhost', 1), forge('other.example', 1), forge('localhost', -1)]
  const known = getCACertificates('default')
  t.teardown(() => setDefaultCACertificates(known))
  const access = (url: string) => ({ target: parseTarget(url), token: 'secret' })
  const attempt = async (certificate: Certificate) => {
    const url = await serve(t, certificate)
    const signal = AbortSignal.timeout(10_000)
    return { dialled: dial(access(url), signal), asked: getJson(access(url), '/v1/runs', signal) }
  }
  const refuse = async (certificate: Certificate, reason: RegExp): Promise<void> => {
    const { dialled, asked } = await attempt(certificate)
    await t.rejects(dialled, { code: 'server.unreachable', message: reason })
    await t.rejects(asked, { code: 'server.unreachable' })
  }
  const before = process.env['NODE_TLS_REJECT_UNAUTHORIZED']
  process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0'
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_TLS_REJECT_UNAUTHORIZED']
    else process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = before
  })
  await refuse(good, /SELF_SIGNED/)
  setDefaultCACertificates([...known, good.text, other.text, expired.text])
  await refuse(other, /ALTNAME/)
  await refuse(expired, /EXPIRED/)
  const { dialled, asked } = await attempt(good)
  const { socket } = await dialled
  socket.terminate()
  t.same(await asked, {}, 'one that its owner trusts is taken')
})

test('a server that hangs has another dial beside it, and the first that is taken counts', async (t) => {
  const sockets = new WebSocketServer({ noServer: true })
  const server = createPlainServer()
  let [dials, hangs] = [0, true]
  const gone: Promise<unknown>[] = []
  server.on('upgrade', (request: IncomingMessage, stream: Duplex, head: Buffer) => {
    dials += 1
    if (hangs && dials === 1) return void gone.push(once(stream.resume(), 'end'))
    sockets.handleUpgrade(request, stream, head, () => undefined)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    for (const socket of sockets.clients) socket.terminate()
    server.closeAllConnections()
    server.close()
  })
  const address = server.address()
  const url = `ws://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/v1/executor`
  const access = { target: parseTarget(url), token: 'secret' }
  const { socket } = await dialSoon(access, AbortSignal.timeout(10_000))
  t.equal(dials, 2)
  await Promise.all(gone)
  t.equal(gone.length, 1, 'the dial that hung is given up')
  socket.terminate()

  hangs = false
  const quick = await dialSoon(access, AbortSignal.timeout(10_000))
  t.equal(dials, 3, 'where an answer comes there is one')
  quick.socket.terminate()
  const aborted = new AbortController()
  hangs = true
  dials = 0
  const dialling = dialSoon(access, aborted.signal)
  await once(server, 'upgrade')
  aborted.abort()
  await t.rejects(dialling, { code: 'client.cancelled' })
})
