import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { connect, createServer } from 'node:net'
import type { Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { join } from 'node:path'
import { test } from 'tap'
import type { Test } from 'tap'
import { parseExposition, valueOf } from '#support/exposition'
import { requireServices } from '#support/services'
import { createSystem, programPath } from '#support/system'
import type { System } from '#support/system'

const shell = (command: string) => ({ tool: 'Shell', arguments: { command } })

test('a private Maestro tells its health to anybody on its socket, and its figures to who has the token', async (t) => {
  const system = await createSystem(t, {
    scenario: {
      steps: [
        { text: 'I look. ', calls: [shell('echo canary-output'), { tool: 'NoSuchTool', arguments: {} }] },
        { calls: [shell('exit 3')], usage: { input: 1_000, output: 20 } },
        { text: 'Done.' },
      ],
    },
  })
  t.equal((await system.codegen(['--auto', 'canary-prompt'])).code, 0)

  t.match(await askSocket(system, '/healthz'), { status: 200, body: '{"status":"ok"}' })
  t.match(await askSocket(system, '/readyz'), { status: 200, body: '{"status":"ready"}' })
  t.match(await askSocket(system, '/metrics'), { status: 401, body: /needs a token/ })

  const token = (await readFile(join(system.home, 'maestro', 'token'), 'utf8')).trim()
  const answer = await askSocket(system, '/metrics', token)
  t.match(answer, { status: 200, type: /^text\/plain; version=0\.0\.4/ })
  const figures = parseExposition(answer.body)
  const value = (name: string, labels?: Record<string, string>): number => valueOf(figures, name, labels)
  t.equal(value('maestro_executors_connected'), 1)
  t.equal(value('maestro_runs_taken_total', { how: 'started' }), 1)
  t.equal(value('maestro_runs_ended_total', { status: 'completed' }), 1)
  for (const state of ['running', 'waiting_tool', 'waiting_approval']) t.equal(value('maestro_runs_open', { state }), 0)
  t.equal(value('maestro_model_request_duration_seconds_count', { outcome: 'answer' }), 3)
  t.equal(value('maestro_model_first_token_seconds_count'), 2, 'an answer of calls alone shows nothing')
  t.equal(value('maestro_turn_gap_seconds_count'), 2)
  t.equal(value('maestro_tool_call_duration_seconds_count', { tool: 'Shell', status: 'success' }), 2, 'one of them git')
  t.equal(value('maestro_tool_call_duration_seconds_count', { tool: 'Shell', status: 'error' }), 1)
  t.equal(value('maestro_tool_call_duration_seconds_count', { tool: 'GetWorkingDirectory', status: 'success' }), 1)
  t.equal(value('maestro_tool_requests_refused_total'), 1)
  t.ok(value('maestro_model_tokens_total', { kind: 'input' }) >= 1_000)
  t.ok(value('maestro_model_tokens_total', { kind: 'output' }) >= 20)
  t.ok(value('maestro_log_append_duration_seconds_count') >= 5)
  t.ok(value('maestro_log_append_duration_seconds_sum') > 0)
  t.ok(value('maestro_postgres_connections', { state: 'idle' }) >= 1)
  t.equal(value('maestro_postgres_waiting'), 0)
  t.equal(value('maestro_build_info'), 1)
  t.ok(value('process_resident_memory_bytes') > 10_000_000)
  t.ok(value('nodejs_eventloop_lag_p99_seconds') >= 0)

  for (const [name, { type, help, samples }] of figures) {
    t.ok(help.length > 10, `${name} says what it is`)
    if (!name.startsWith('maestro_')) continue
    t.equal(name.endsWith('_total'), type === 'counter', `${name} is named as a ${type}`)
    t.ok(samples.length > 0 || type !== 'gauge', `${name} has a value`)
  }
  const dashboard = await readFile(programPath('maestro', 'operate', 'grafana-dashboard.json'), 'utf8')
  const queries = [...dashboard.matchAll(/"expr": "(.*)",?$/gm)].map(([, query = '']) => query)
  t.ok(queries.length > 30)
  const asked = new Set(queries.flatMap((query) => query.match(/\b(maestro|process|nodejs)_[a-z0-9_]+/g) ?? []))
  const offered = (name: string): boolean =>
    figures.has(name) || figures.get(name.replace(/_(bucket|sum|count)$/, ''))?.type === 'histogram'
  t.same(
    [...asked].filter((name) => !offered(name)),
    [],
    'the dashboard asks for nothing that is not there',
  )
  const ours = [...figures.keys()].filter((name) => name.startsWith('maestro_'))
  t.same(
    ours.filter((name) => ![...asked].some((one) => one.startsWith(name))),
    [],
    'and shows all of ours',
  )
  t.notMatch(answer.body, /canary|NoSuchTool|generation|[0-9a-f]{8}-[0-9a-f]{4}/, 'nobody’s words, and no ids')
})

test('doctor tells what Maestro finds of its Redis: there, silent, gone, and there again', async (t) => {
  const services = await requireServices(t)
  if (!services) return
  const way = await openWay(t, services.redisUrl)
  const system = await createSystem(t, { scenario: { steps: [{ text: 'Hello.' }] }, env: { REDIS_URL: way.url } })
  await system.codegen(['daemon', 'start'])
  t.match((await system.codegen(['doctor'])).stdout, /^ok {2}redis {5}Redis \d.*the one of REDIS_URL$/m)

  way.hold()
  const silent = await system.codegen(['doctor'])
  t.equal(silent.code, 1)
  t.match(silent.stdout, /^NOT redis {5}It did not answer within \d+ s/m)

  await way.close()
  const gone = await system.codegen(['doctor'])
  t.equal(gone.code, 1)
  t.match(gone.stdout, /^NOT redis {5}Redis cannot be reached \(.+\); check REDIS_URL and that the server is up\.$/m)
  t.match(gone.stdout, /^ok {2}postgres /m, 'the others are looked at all the same')
  t.match(await askSocket(system, '/healthz'), { status: 200 })
  t.match(await askSocket(system, '/readyz'), { status: 503 })
  t.match(await system.codegen(['--auto', 'greet']), { code: 0, stdout: /Hello/ }, 'and a run needs no Redis')

  await way.open()
  while (!/^ok {2}redis /m.test((await system.codegen(['doctor'])).stdout)) t.comment('not there yet')
  t.match(await askSocket(system, '/readyz'), { status: 200 })
})

/** A way to the server at `target` that can be held up, closed and opened again. */
async function openWay(t: Test, target: string) {
  const { hostname, port: targetPort } = new URL(target)
  const sockets = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect({ host: hostname, port: Number(targetPort || 6379) })
    for (const socket of [near, far]) sockets.add(socket.on('error', () => undefined))
    near.pipe(far).pipe(near)
  })
  const listen = async (port: number): Promise<number> => {
    await once(server.listen(port, '127.0.0.1'), 'listening')
    const address = server.address()
    return typeof address === 'object' && address ? address.port : 0
  }
  const close = async (): Promise<void> => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
    if (server.listening) await once(server.close(), 'close')
  }
  t.teardown(close)
  const port = await listen(0)
  return {
    url: `redis://127.0.0.1:${port}`,
    hold: (): void => {
      for (const socket of sockets) socket.unpipe().pause()
    },
    close,
    open: () => listen(port),
  }
}

/** Asks the Maestro of this system's codegend on its Unix socket. */
async function askSocket(system: System, path: string, token?: string) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  return await new Promise<{ status: number; type: string; body: string }>((resolve, reject) => {
    request({ socketPath: join(system.home, 'run', 'maestro.sock'), path, headers, agent: false }, (response) => {
      const { statusCode = 0, headers } = response
      text(response).then((body) => resolve({ status: statusCode, type: headers['content-type'] ?? '', body }), reject)
    })
      .on('error', reject)
      .end()
  })
}
