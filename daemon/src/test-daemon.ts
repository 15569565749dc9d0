import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { Failure } from '@codegen/protocol/failure'
import type { DaemonMethods } from '@codegen/protocol/local'
import { createPeer } from '@codegen/protocol/peer'
import type { Test } from 'tap'
import type { Environment } from './config.ts'
import { startDaemon } from './start-daemon.ts'
import type { Daemon } from './start-daemon.ts'

/** Folders for a daemon of a test: its home, and a project to work in. */
export type Place = { readonly home: string; readonly project: string; readonly environment: Environment }

/** A daemon in this process, on a real socket, and how to talk to it. */
export type TestDaemon = Place & {
  readonly daemon: Daemon
  client(options?: TestClientOptions): Promise<TestClient>
  log(): string
}

export type TestClientOptions = { answer?: string }

/** What a client sees. */
export type TestClient = {
  request<Name extends keyof DaemonMethods & string>(
    method: Name,
    parameters: DaemonMethods[Name]['parameters'],
  ): Promise<DaemonMethods[Name]['result']>
  /** Notifications so far, in order. */
  readonly told: readonly { method: string; parameters: Record<string, unknown> }[]
  /** The ids of the events so far. */
  eventIds(): string[]
  close(): void
}

export function newPlace(t: Test): Place {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'codegend-')))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const [home, project] = [join(base, 'home'), join(base, 'project')]
  mkdirSync(project)
  return { home, project, environment: { PATH: process.env['PATH'], HOME: base, CODEGEN_HOME: home } }
}

/** Starts a daemon that dials `maestroUrl`; it stops with the test. */
export async function startTestDaemon(t: Test, maestroUrl: string, place = newPlace(t)): Promise<TestDaemon> {
  const daemon = await startDaemon({ CODEGEN_TOKEN: 'secret', ...place.environment, CODEGEN_MAESTRO_URL: maestroUrl })
  t.teardown(() => daemon.stop('the test has ended'))
  return {
    ...place,
    daemon,
    client: (options) => connectClient(t, daemon.socketPath, options),
    log: () => readFileSync(join(place.home, 'log', 'codegend.log'), 'utf8'),
  }
}

/** Connects as codegen does. */
export async function connectClient(
  t: Test,
  socketPath: string,
  { answer }: TestClientOptions = {},
): Promise<TestClient> {
  const socket = connect(socketPath)
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  const told: { method: string; parameters: Record<string, unknown> }[] = []
  const note = (method: string) => (parameters: unknown) => {
    if (isRecord(parameters)) told.push({ method, parameters })
  }
  const peer = createPeer<DaemonMethods>({
    write: (line) => socket.write(line),
    close: () => socket.destroy(),
    timers: { setTimeout, clearTimeout },
    methods: answer === undefined ? {} : { 'approval/request': () => Promise.resolve({ option_id: answer }) },
    notifications: {
      'run/event': note('run/event'),
      'run/finished': note('run/finished'),
      'approval/resolved': note('approval/resolved'),
      'plugins/dev-news': note('plugins/dev-news'),
      'plugins/log-line': note('plugins/log-line'),
    },
  })
  socket.on('data', (chunk) => peer.receive(chunk))
  // A codegend that is killed closes nothing.
  socket.on('error', () => undefined)
  socket.on('close', () => peer.close(new Failure('client.closed', 'closed')))
  const can_answer_approvals = answer !== undefined
  await peer.request('initialize', { version: '0.1.0', client: { kind: 'codegen' }, can_answer_approvals })
  return {
    request: (method, parameters) => peer.request(method, parameters),
    told,
    eventIds: () =>
      told.filter(({ method }) => method === 'run/event').map(({ parameters }) => String(parameters['event_id'])),
    close: () => socket.destroy(),
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}

/** Waits until something is so; the test's own time limit ends it. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await delay(2)
}
