import { randomBytes } from 'node:crypto'
import { appendFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import pg from 'pg'
import { startScriptedModel } from '@codegen/scripted-model'
import type { ScriptedModel } from '@codegen/scripted-model'
import { toEnvironment } from '#demo/environment'
import { createDatabase } from '#support/services'
import { createMember } from './member.ts'
import type { Member } from './member.ts'
import type { Random } from './random.ts'
import { startRedis } from './redis-server.ts'
import type { RedisServer } from './redis-server.ts'
import { scenario, tickScript } from './scenario.ts'
import { startTcpProxy } from './tcp-proxy.ts'
import type { TcpProxy } from './tcp-proxy.ts'

/** One machine with a codegend, and what lies between it and the replicas. */
export type Machine = {
  readonly member: Member
  readonly home: string
  readonly project: string
  readonly counterFile: string
  readonly link: TcpProxy
  executorId: string
}

/** Something that took a run from its owner, and when. */
export type Loss = {
  readonly at: number
  readonly kind: 'replica' | 'drain' | 'cut' | 'restart' | 'daemon' | 'freeze'
  /** The replica's incarnation, `<number>.<incarnation>`. */
  readonly writer?: string
  readonly executorId?: string
}

/** The whole system under test. */
export type World = {
  readonly folder: string
  readonly token: string
  readonly model: ScriptedModel
  readonly replicas: readonly Member[]
  readonly machines: readonly Machine[]
  /** Before the replicas, for whoever asks over HTTP. */
  readonly front: TcpProxy
  /** Between the replicas and Postgres. */
  readonly postgres: TcpProxy
  readonly redis: RedisServer
  /** To the database, past the proxy. */
  readonly database: pg.Client
  readonly losses: Loss[]
  /** Milliseconds since 1970. */
  readonly startedAt: number
  /** Times at which no run can be taken over: no replica, or no Postgres. */
  readonly outages: { from: number; to: number }[]
  note(text: string): void
  lose(loss: Omit<Loss, 'at'>): void
  /** Starts a replica or codegend anew after a while; `dieAt` as in Member.start. */
  restart(member: Member, afterMs: number, dieAt?: string): void
  /** Ends a process and starts it again, to die at this crash point. Resolves when it is ready, or has died. */
  restartAt(member: Member, dieAt: string): Promise<void>
  remove(): Promise<void>
}

export type WorldSize = {
  readonly replicas: number
  readonly machines: number
  /** How long a process that has ended stays away at the most. */
  readonly awayMsMax: number
  /** The crash point that a process is to die at when it is started again by itself. */
  nextPoint(member: { readonly name: string }): string | undefined
}

export async function createWorld(size: WorldSize, random: Random): Promise<World> {
  const folder = await mkdtemp(join(tmpdir(), 'chaos-'))
  const token = randomBytes(32).toString('hex')
  const startedAt = Date.now()
  const logFile = join(folder, 'chaos.log')
  const note = (text: string): void =>
    void appendFile(logFile, `${((Date.now() - startedAt) / 1_000).toFixed(3)} ${text}\n`)
  const model = await startScriptedModel({ scenario })
  const redis = await startRedis()
  const { url: databaseUrl, drop } = await createDatabase('codegen_chaos')
  const postgresPort = Number(new URL(databaseUrl).port || 5432)
  const postgres = await startTcpProxy(() => [postgresPort], random.fork('postgres'))
  const losses: Loss[] = []
  const outages: { from: number; to: number }[] = []
  let isEnding = false
  const noteOutage = outageKeeper(outages)

  const nextStart = new Map<Member, string>()
  const pointOf = (member: Member): string | undefined => {
    const point = nextStart.get(member) ?? size.nextPoint(member)
    nextStart.delete(member)
    return point
  }
  const replicas: Member[] = []
  const ports = (): number[] => replicas.flatMap((replica) => (replica.said() ? [portOf(replica)] : []))
  const front = await startTcpProxy(ports, random.fork('front'))
  const restart = (member: Member, afterMs: number, dieAt?: string): void => {
    setTimeout(() => {
      if (isEnding || member.pid() !== undefined) return
      member.start(dieAt).then(
        () => noteOutage(ports().length === 0),
        (thrown: unknown) => note(`${member.name} could not be started: ${String(thrown)}`),
      )
    }, afterMs).unref()
  }
  for (let number = 1; number <= size.replicas; number += 1) {
    const state = join(folder, `maestro-${number}`)
    await mkdir(state, { recursive: true })
    const member: Member = createMember({
      name: `maestro-${number}`,
      program: 'maestro/bin/maestro.js',
      args: ['--port', '0', '--state', state],
      env: (incarnation) => ({
        ...toEnvironment(join(state, 'home'), model.url),
        DATABASE_URL: throughProxy(databaseUrl, postgres.port, `${number}.${incarnation}`),
        REDIS_URL: redis.url,
        MAESTRO_TOKENS: token,
        MAESTRO_REQUESTS_PER_SECOND: '1000000',
        CODEGEN_TEST_DEATHS: join(folder, 'deaths'),
      }),
      logFile: join(folder, `maestro-${number}.log`),
      readyLine: /listens on ws:\/\/127\.0\.0\.1:(?<port>\d+)/,
      onGone({ incarnation, code, signal }) {
        note(`maestro-${number}.${incarnation} is gone (${code ?? signal})`)
        // One that left by itself had sent its executors away before.
        if (code !== 0) losses.push({ at: Date.now(), kind: 'replica', writer: `${number}.${incarnation}` })
        noteOutage(ports().length === 0)
        if (!isEnding) restart(member, random.between(10, size.awayMsMax), pointOf(member))
      },
    })
    replicas.push(member)
  }

  const machines: Machine[] = []
  for (let number = 1; number <= size.machines; number += 1) {
    machines.push(await createMachine(number))
  }

  async function createMachine(number: number): Promise<Machine> {
    const home = join(folder, `machine-${number}`)
    const project = join(home, 'project')
    const state = join(home, 'home')
    const counterFile = join(home, 'counter')
    await mkdir(project, { recursive: true })
    await mkdir(state, { recursive: true })
    await writeFile(counterFile, '')
    await writeFile(join(project, 'tick'), tickScript(counterFile))
    await writeFile(join(project, 'notes.txt'), 'Nothing of note.\n')
    await writeFile(join(state, 'config.json'), JSON.stringify({ remoteRoots: [{ path: project, mode: 'auto' }] }))
    const link = await startTcpProxy(ports, random.fork(`link-${number}`))
    const machine: Machine = {
      home: state,
      project,
      counterFile,
      link,
      executorId: '',
      member: createMember({
        name: `codegend-${number}`,
        program: 'daemon/bin/codegend.js',
        args: [],
        env: () => ({
          ...toEnvironment(state, model.url),
          CODEGEN_MAESTRO_URL: `ws://127.0.0.1:${link.port}/v1/executor`,
          CODEGEN_TOKEN: token,
          CODEGEN_TEST_DEATHS: join(folder, 'deaths'),
        }),
        logFile: join(folder, `codegend-${number}.log`),
        onGone({ incarnation, code, signal }) {
          note(`codegend-${number}.${incarnation} is gone (${code ?? signal})`)
          losses.push({ at: Date.now(), kind: 'daemon', executorId: machine.executorId })
          if (!isEnding) restart(machine.member, random.between(10, size.awayMsMax / 2), pointOf(machine.member))
        },
      }),
    }
    return machine
  }

  await replicas[0]?.start()
  const database = new pg.Client({ connectionString: databaseUrl })
  await database.connect()
  await watchWriters(database)
  await Promise.all([...replicas.slice(1), ...machines.map(({ member }) => member)].map((member) => member.start()))
  for (const machine of machines) machine.executorId = await readExecutorId(machine.home)

  return {
    folder,
    token,
    model,
    replicas,
    machines,
    front,
    postgres,
    redis,
    database,
    losses,
    startedAt,
    outages,
    note,
    lose: (loss) => void losses.push({ at: Date.now(), ...loss }),
    restart,
    async restartAt(member, dieAt) {
      nextStart.set(member, dieAt)
      const started = member.nextStart()
      member.kill('SIGKILL')
      await started
    },
    async remove() {
      isEnding = true
      await Promise.all(machines.map(({ member }) => member.stop(20_000)))
      await Promise.all(replicas.map((replica) => replica.stop(20_000)))
      await Promise.all([front, postgres, ...machines.map(({ link }) => link)].map((proxy) => proxy.close()))
      await database.end()
      await drop()
      await redis.stop()
      await model.stop()
    },
  }
}

function portOf(replica: Member): number {
  return Number(replica.said()?.groups?.['port'] ?? 0)
}

/** Which incarnation of which replica wrote each entry, as the database itself saw it. */
async function watchWriters(database: pg.Client): Promise<void> {
  await database.query(`
    CREATE TABLE chaos_writers (generation_id text, position bigint, writer text, written_at timestamptz);
    CREATE FUNCTION chaos_note_writer() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      INSERT INTO chaos_writers VALUES (NEW.generation_id, NEW.position, current_setting('chaos.writer', true), clock_timestamp());
      RETURN NULL;
    END $$;
    CREATE TRIGGER chaos_note_writer AFTER INSERT ON run_log FOR EACH ROW EXECUTE FUNCTION chaos_note_writer();`)
}

function throughProxy(databaseUrl: string, port: number, writer: string): string {
  const url = new URL(databaseUrl)
  url.hostname = '127.0.0.1'
  url.port = String(port)
  url.searchParams.set('options', `-c chaos.writer=${writer}`)
  return url.href.replaceAll('+', '%20')
}

function outageKeeper(outages: { from: number; to: number }[]): (isOut: boolean) => void {
  let open: { from: number; to: number } | undefined
  return (isOut) => {
    if (isOut && !open) outages.push((open = { from: Date.now(), to: Number.POSITIVE_INFINITY }))
    if (!isOut && open) {
      open.to = Date.now()
      open = undefined
    }
  }
}

async function readExecutorId(home: string): Promise<string> {
  for (;;) {
    const text = await readFile(join(home, 'executor.json'), 'utf8').catch(() => '')
    const id = /"executor_id":"(?<id>[^"]+)"/.exec(text)?.groups?.['id']
    if (id) return id
    await delay(20)
  }
}

export async function removeFolder(world: World): Promise<void> {
  await rm(world.folder, { recursive: true, force: true, maxRetries: 5 })
}
