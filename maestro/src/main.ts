import { randomUUID } from 'node:crypto'
import { chmod, mkdir } from 'node:fs/promises'
import { hostname } from 'node:os'
import { inspect } from 'node:util'
import { toFailure } from '@codegen/protocol/failure'
import { createExecutorCommunicator } from '#executors/executor-communicator'
import { startSweeper } from '#executors/sweeper'
import { createApp } from '#http/app'
import { serveExecutors } from '#http/executor-socket'
import { createModelClient } from '#llm/model-client'
import { createExecutorList } from '#postgres/executor-list'
import { createExecutorStore } from '#postgres/executor-store'
import { createRunList } from '#postgres/run-list'
import { createRunLog } from '#postgres/run-log'
import { createToolbelts } from '#toolbelt/toolbelts'
import { safeguards } from '#safeguards/safeguards'
import { openAccess } from './access.ts'
import { readConfig, usage } from './config.ts'
import type { Config } from './config.ts'
import { openEvents } from './events.ts'
import { limits } from './limits.ts'
import { listen } from './listen.ts'
import { openLog } from './log.ts'
import type { Log } from './log.ts'
import { openObservers } from './observers.ts'
import { openStorage } from './storage.ts'

/** This release, as `welcome` and `--version` name it. */
export const version = '0.1.0'

/** A Maestro that serves. */
export type Maestro = {
  /** Where executors connect: `ws://…` or `ws+unix:…`. */
  readonly url: string
  /** Where the token is kept that was made for want of a given one. */
  readonly tokenFile: string | undefined
  readonly token: string
  /** Lets go of every run, then closes everything. */
  stop(): Promise<void>
}

/**
 * Builds Maestro's parts and serves. Fails with a Failure in one sentence (config.invalid, postgres.unreachable, redis.unreachable) and leaves nothing
 * open then.
 */
export async function startMaestro(config: Config, log: Log): Promise<Maestro> {
  await using stack = new AsyncDisposableStack()
  const warn = (message: string, thrown?: unknown): void => log.warn({ err: thrown }, message)
  await mkdir(config.stateFolder, { recursive: true, mode: 0o700 })
  const server = `${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`

  const model = createModelClient(config.model)
  stack.defer(() => model.close())
  const [{ database, checks: storeChecks, looks: storeLooks }, { observer, metrics }] = await Promise.all([
    openStorage(config, warn, stack),
    openObservers(config, { version, server, warn }, stack),
  ])
  const { bus, presence, checks: eventChecks, looks: eventLooks } = await openEvents(config, { warn, server }, stack)

  const runLog = createRunLog(database)
  const store = createExecutorStore(database, server)
  const mintId = (): string => randomUUID()
  const { parkAfterMs } = config
  const brain = { model, log: runLog, bus, safeguards, observer, parkAfterMs, now: () => performance.now(), mintId }
  const communicator = createExecutorCommunicator({
    brain,
    store,
    presence,
    server: { name: 'maestro', version },
    toToolbelts: createToolbelts,
    warn,
  })

  const sweeper = startSweeper({ brain, store, presence, sweepMs: config.sweepMs, warn })
  stack.defer(() => sweeper.stop())

  const { door, token, tokenFile } = await openAccess(config, warn, stack)
  const app = createApp({
    door,
    runs: createRunList(database.hurried),
    executors: createExecutorList(database.hurried),
    log: runLog,
    bus,
    store: createExecutorStore(database.hurried, server),
    presence,
    ready: [...storeChecks, ...eventChecks, communicator.ready],
    looks: [{ name: 'model', look: (signal) => model.describe(signal) }, ...storeLooks, ...eventLooks],
    version,
    metrics: () => metrics({ ...communicator.counts(), connections: database.connections() }),
    warn,
    mintId,
    defaultModel: (signal) => model.defaultModel(signal),
  })
  stack.defer(() => app.close())
  const stopServing = serveExecutors(app.server, { door, communicator })
  stack.defer(stopServing)
  // First of all when it stops: executors are told to dial elsewhere before their sockets go.
  stack.defer(() => communicator.close())
  const url = await listen(app, config.listen)
  if (config.listen.kind === 'unix') await chmod(config.listen.path, 0o600)
  model.warm().catch((thrown: unknown) => warn('The connection to the model could not be opened early.', thrown))

  const serving = stack.move()
  return { url, token, tokenFile, stop: () => serving.disposeAsync() }
}

/**
 * The `maestro` command: serves until a signal, or until stdin closes when a codegend started it; `maestro replay` looks at a run instead. Returns the exit
 * code: 0 after a clean stop, 2 for wrong usage, 4 when a server it needs cannot be reached, 1 for anything else.
 */
export async function runMaestro(args: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  try {
    // Loaded only when it is asked for: a server never needs it.
    if (args[0] === 'replay') return await (await import('./replay.ts')).replay(args.slice(1), env)
    const config = readConfig(args, env)
    if (config === 'help') return print(usage)
    if (config === 'version') return print(`maestro ${version}\n`)
    const log = openLog()
    const maestro = await startMaestro(config, log)
    process.stdout.write(
      config.isPrivate ? `${JSON.stringify({ ready: true, url: maestro.url })}\n` : greeting(maestro),
    )
    await untilAsked(config.isPrivate)
    leaveInTime()
    await maestro.stop()
    return 0
  } catch (thrown) {
    const failure = toFailure(thrown)
    process.stderr.write(`maestro: ${failure.message}${failure.hint ? ` ${failure.hint}` : ''}\n`)
    if (failure.code === 'internal') process.stderr.write(`${inspect(thrown)}\n`)
    return failure.code === 'config.invalid' ? 2 : failure.code.endsWith('.unreachable') ? 4 : 1
  }
}

function print(text: string): number {
  process.stdout.write(text)
  return 0
}

function greeting(maestro: Maestro): string {
  const where = maestro.tokenFile ? `token in ${maestro.tokenFile}` : 'token in MAESTRO_TOKENS'
  return `maestro ${version} listens on ${maestro.url} (${where})\n`
}

/** Resolves at the first SIGTERM or SIGINT; with a parent, also when its pipe closes: it died. */
function untilAsked(hasParent: boolean): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => resolve()
    process.once('SIGTERM', done)
    process.once('SIGINT', done)
    if (!hasParent) return
    process.stdin.once('end', done).once('error', done).once('close', done)
    process.stdin.resume()
  })
}

/** However long it takes to leave, it has an end; a second signal is one at once. */
function leaveInTime(): void {
  const leave = (): never => {
    process.stderr.write('maestro: left before everything was let go of\n')
    process.exit(1)
  }
  setTimeout(leave, limits.drain.exitMsMax).unref()
  process.once('SIGTERM', leave)
  process.once('SIGINT', leave)
}
