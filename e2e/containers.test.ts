import { randomUUID } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'tap'
import { parse } from 'yaml'
import { watchRun } from '#support/events'
import type { SeenEvent } from '#support/events'
import { parseExposition, valueOf } from '#support/exposition'
import { startMaestro } from '#support/maestro'
import type { MaestroProcess } from '#support/maestro'
import { hasNginx, startNginx } from '#support/nginx'
import { requireServices } from '#support/services'
import { createSystem, programPath } from '#support/system'

const read = (...path: string[]): string => readFileSync(programPath(...path), 'utf8')

type Service = {
  build?: { context: string; dockerfile: string }
  environment?: Record<string, string>
  volumes?: string[]
  depends_on?: Record<string, { condition: string }>
  healthcheck?: object
  stop_grace_period?: string
}

test('Maestro’s image takes only what is there, and runs as nobody in particular, in a form that gets signals', (t) => {
  const steps = read('maestro', 'Containerfile')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .filter((line) => line.trim() !== '' && !line.startsWith('#'))
    .map((line) => ({ word: line.split(/\s+/)[0] ?? '', rest: line.slice(line.indexOf(' ') + 1).trim() }))
  const last = (word: string): string => steps.findLast((step) => step.word === word)?.rest ?? ''
  const stages = steps.filter(({ word }) => word === 'FROM').map(({ rest }) => /AS (\w+)/.exec(rest)?.[1])
  const copies = steps.filter(({ word }) => word === 'COPY').map(({ rest }) => rest)
  for (const copy of copies) {
    const from = /^--from=(\w+) \/src\/(\S+)/.exec(copy)
    if (from?.[1]) t.ok(stages.includes(from[1]), `${copy}: the stage is there`)
    // What a stage makes is not in the checkout.
    const isMade = /node_modules|dist/.test(copy)
    if (!isMade) t.ok(existsSync(programPath(from?.[2] ?? copy.split(' ')[0] ?? '')), `${copy}: so is the source`)
  }
  t.equal(last('USER'), 'node')
  t.equal(last('STOPSIGNAL'), 'SIGTERM')
  const commands = [last('ENTRYPOINT'), last('HEALTHCHECK').replace(/.*CMD /, '')]
  for (const command of commands) {
    const [program, file = ''] = JSON.parse(command) as string[]
    t.equal(program, 'node')
    t.ok(existsSync(programPath(file)), `${file} is there`)
    t.ok(
      copies.some((copy) => copy.startsWith('--from') && file.startsWith(copy.split(' ').at(-1) ?? '-')),
      `${file} is copied into the image`,
    )
  }
  const ignored = read('.dockerignore').split('\n')
  for (const name of ['.git', '.env', '**/node_modules', '**/dist']) t.ok(ignored.includes(name), `${name} stays out`)
  t.end()
})

test('compose.yaml has two replicas that wait for Postgres and Redis, and its example of settings has all it asks for', (t) => {
  const text = read('compose.yaml')
  const { services } = parse(text, { merge: true }) as { services: Record<string, Service> }
  t.same(Object.keys(services), ['postgres', 'redis', 'maestro-1', 'maestro-2', 'nginx'])
  t.same(
    Object.values(services)
      .flatMap(sourcesOf)
      .filter((source) => !existsSync(programPath(source))),
    [],
    'what they are made of is there',
  )
  t.same(Object.keys(services['maestro-2']?.depends_on ?? {}), ['postgres', 'redis'])
  t.ok(services['postgres']?.healthcheck && services['redis']?.healthcheck, 'those they wait for tell their health')
  t.equal(services['maestro-1']?.environment?.['REDIS_URL'], 'redis://redis:6379')

  const upstreams = [...read('maestro', 'operate', 'nginx.conf').matchAll(/server (\S+):7717/g)].map(([, name]) => name)
  t.same(upstreams, ['maestro-1', 'maestro-2'])

  const given = [...read('maestro', 'operate', 'env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name)
  const asked = [...text.matchAll(/\$\{([A-Z_]+)/g)].map(([, name]) => name)
  t.same(new Set(asked), new Set(given))
  const known = `${read('maestro', 'src', 'config.ts')}${read('tracing', 'src', 'traces-url.ts')}`
  for (const name of Object.keys(services['maestro-1']?.environment ?? {}))
    t.ok(known.includes(`'${name}'`), `Maestro reads ${name}`)
  t.end()
})

test('through nginx executors stay connected, events come as they happen, and when a replica dies both go on at the other', async (t) => {
  if (!hasNginx())
    return process.env.CODEGEN_REQUIRE_SERVICES === '1' ? t.fail('needs nginx') : t.plan(0, 'needs nginx')
  const services = await requireServices(t)
  if (!services) return
  const system = await createSystem(t, {
    scenario: {
      steps: [
        {
          text: 'I wait. ',
          calls: [
            { tool: 'Shell', arguments: { command: 'echo begun; until [ -e go ]; do sleep 0.02; done; echo gone' } },
          ],
        },
        { expect: [{ contains: 'gone' }], text: 'All done.' },
      ],
    },
  })
  const env = { MAESTRO_TRUST_PROXY: 'loopback' }
  const uses = { modelUrl: system.model.url, ...services, token: randomUUID(), env }
  const replicas = await Promise.all([startMaestro(t, uses), startMaestro(t, uses)])
  const [one, two] = replicas.map(({ url }) => Number(new URL(url).port))
  const nginx = await startNginx(t, [one ?? 0, two ?? 0])
  const front = behind(nginx, replicas[0])
  system.env['CODEGEN_MAESTRO_URL'] = `${nginx.replace('http', 'ws')}/v1/executor`
  system.env['CODEGEN_TOKEN'] = uses.token

  const ended = new Promise((resolve) => system.startCodegen(['--auto', 'go']).once('close', resolve))
  const id = await firstRun(front)
  const seen: SeenEvent[] = []
  // The answer to this request is not whole before the run ends: that it is seen now is no buffering.
  for await (const event of watchRun(front, id)) {
    seen.push(event)
    if (event.payload['chunk'] === 'begun\n') break
  }
  t.match(seen.at(-1), { type: 'tool_output_delta' })
  t.equal((await fetch(`${nginx}/metrics`)).status, 404, 'a replica’s figures are asked of the replica')
  t.equal((await fetch(`${nginx}/v1/runs`)).status, 401)

  const owner = replicas[(await executorsOf(replicas[0])) === 1 ? 0 : 1]
  const other = replicas.find((replica) => replica !== owner)
  await owner?.kill()
  // Whatever the viewer has seen, it goes on from there; the claim is the next fact.
  const last = seen.findLast((event) => event.id.endsWith('-0'))?.id
  for await (const event of watchRun(front, id, last)) {
    seen.push(event)
    if (event.type === 'claimed') await writeFile(join(system.project, 'go'), '')
  }
  t.equal(await ended, 0)
  t.match(seen.at(-1), { type: 'run_finished', payload: { status: 'completed', summary: 'All done.' } })
  const calls = seen.filter(({ type, payload }) => type === 'tool_call_finished' && payload['tool_name'] === 'Shell')
  t.match(calls, [{ payload: { status: 'success', result: /gone/ } }], 'once, and to its end')
  t.equal(other && (await executorsOf(other)), 1)
})

/** Files of the checkout that a service is built from or shown. */
function sourcesOf({ build, volumes = [] }: Service): string[] {
  const mounted = volumes.map((volume) => volume.split(':')[0] ?? '').filter((source) => source.startsWith('.'))
  return build ? [join(build.context, build.dockerfile), ...mounted] : mounted
}

/** A Maestro as it is asked through a proxy. */
function behind(url: string, maestro: MaestroProcess | undefined): MaestroProcess {
  if (!maestro) throw new Error('There is no Maestro.')
  const ask = (path: string, init: RequestInit = {}): Promise<Response> =>
    fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${maestro.token}`, ...init.headers } })
  return { ...maestro, fetch: ask, json: async (path, init) => JSON.parse(await (await ask(path, init)).text()) }
}

async function firstRun(maestro: MaestroProcess): Promise<string> {
  for (;;) {
    const { runs } = (await maestro.json('/v1/runs')) as { runs: { generation_id: string }[] }
    if (runs[0]) return runs[0].generation_id
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

async function executorsOf(maestro: MaestroProcess | undefined): Promise<number> {
  const answer = await maestro?.fetch('/metrics')
  return valueOf(parseExposition((await answer?.text()) ?? ''), 'maestro_executors_connected')
}
