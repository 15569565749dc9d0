import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { lstat, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { setTimeout as wait } from 'node:timers/promises'
import { limits } from '#limits'
import { endWithParent, toCommand } from './embedded-account.ts'
import { notStarted } from './embedded-failure.ts'
import { logInto } from './embedded-log.ts'
import { choosePlace } from './embedded-place.ts'
import type { Place } from './embedded-place.ts'
import { keepRunning } from './embedded-keeper.ts'
import type { RunningPostgres } from './embedded-keeper.ts'
import { connectionTo, endPostmaster, findPostmaster, hasOtherClients, watchProcess } from './embedded-postmaster.ts'
import type { EmbeddedConnection } from './embedded-postmaster.ts'
import { lastLine, run } from './embedded-run.ts'

/** A PostgreSQL of Maestro's own: no port, one Unix socket in a folder that only this user can enter. */
export type EmbeddedPostgres = {
  readonly connection: EmbeddedConnection
  /** Ends it. One that was found running stays while others are connected. Never fails. */
  stop(): Promise<void>
}

export type EmbeddedOptions = {
  /** Where it lives; made when it is not there. */
  readonly folder: string
  log(message: string, thrown?: unknown): void
  readonly signal?: AbortSignal
  /** It is wanted for a moment only: one that is found running stays, and one that was started stays when others use it by now. */
  readonly isGuest?: boolean
  /** For root where root can only be `nobody`: a folder that every account can enter. */
  readonly sharedFolder?: string
}

/**
 * Starts it, or finds the one that runs in this folder. Nothing it has confirmed is lost by a kill or by power loss. It ends with this process
 * where the system can do that (Linux with util-linux); elsewhere the next start finds it. Fails with postgres.unreachable in one sentence.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const { folder, log, signal, isGuest = false } = options
  const place = await choosePlace({ folder, sharedFolder: options.sharedFolder ?? '/var/lib/codegen', signal })
  await createData(place, signal)
  const first = await findOrStart(place, { log, signal, isGuest })
  return isGuest ? first : keepRunning(first, (stopping) => findOrStart(place, { log, signal: stopping, isGuest }), log)
}

type StartOptions = { log: EmbeddedOptions['log']; signal: AbortSignal | undefined; isGuest: boolean }

async function findOrStart(place: Place, options: StartOptions): Promise<RunningPostgres> {
  const { log, signal, isGuest } = options
  const until = performance.now() + limits.embedded.unreachableMsMax
  for (;;) {
    const found = await findPostmaster(place, signal)
    if (found !== undefined) return isGuest ? visit(place) : takeOver(found, place, log)
    const started = await start(place, options)
    if (started.kind === 'serves') return started.postgres
    if (performance.now() > until || !isPassing(started.said)) {
      throw notStarted(`${lastFault(started.said)} (its log is ${logFile(place)})`)
    }
    await wait(limits.embedded.pollMs, undefined, signal ? { signal } : {})
  }
}

/** Who loses a race for the start finds the winner's; the sessions of a killed one need a moment to notice. */
function isPassing(said: string): boolean {
  return /postmaster\.pid|\.lock"|another (postmaster|postgres)|shared memory block/.test(said)
}

function lastFault(said: string): string {
  const faults = said.split('\n').filter((line) => /FATAL|PANIC|ERROR/.test(line))
  return lastLine(faults.at(-1) ?? said) || 'it said nothing'
}

/** Settings of a small private server. Commits reach the disk before they are confirmed: that costs 0.25 ms of 0.4. */
const settings = {
  listen_addresses: '',
  unix_socket_permissions: '0700',
  max_connections: '20',
  shared_buffers: '16MB',
  huge_pages: 'off',
  jit: 'off',
  // Fewer processes: no I/O workers, no parallel or logical replication workers, no archiver, one vacuum worker.
  io_method: 'sync',
  max_worker_processes: '0',
  max_parallel_workers: '0',
  max_logical_replication_workers: '0',
  max_replication_slots: '0',
  max_wal_senders: '0',
  wal_level: 'minimal',
  autovacuum_worker_slots: '1',
  autovacuum_max_workers: '1',
  min_wal_size: '16MB',
  max_wal_size: '64MB',
  log_checkpoints: 'off',
  log_destination: 'stderr',
  logging_collector: 'off',
}

/** Makes the database once, beside its place and then in one step: one that was broken off is never taken for whole. */
async function createData(place: Place, signal: AbortSignal | undefined): Promise<void> {
  if (await lstat(place.data).catch(() => undefined)) return
  await removeHalfMade(place)
  const half = `${place.data}.new-${randomUUID().slice(0, 8)}`
  const args = [
    '-D',
    half,
    '-U',
    'codegen',
    '--auth=trust',
    '-E',
    'UTF8',
    '--locale=C',
    '--wal-segsize=4',
    '--no-instructions',
  ]
  try {
    await run(toCommand(place.account, join(place.binaries.folder, 'bin', 'initdb'), args), signal)
    await rename(half, place.data)
  } catch (error) {
    // What was cancelled may still be writing for a moment.
    await rm(half, { recursive: true, force: true, maxRetries: 10 })
    if (await lstat(place.data).catch(() => undefined)) return // Another Maestro made it meanwhile.
    signal?.throwIfAborted()
    throw notStarted(
      `its database could not be made in ${place.folder} (${error instanceof Error ? error.message : String(error)})`,
      error,
    )
  }
}

async function removeHalfMade(place: Place): Promise<void> {
  for (const name of await readdir(place.folder)) {
    if (!name.startsWith('data.new-')) continue
    const path = join(place.folder, name)
    const made = await stat(path).catch(() => undefined)
    // A younger one may still be in the making.
    if (made && Date.now() - made.mtimeMs > 2 * limits.embedded.createMsMax)
      await rm(path, { recursive: true, force: true })
  }
}

function visit(place: Place): RunningPostgres {
  return { connection: connectionTo(place), gone: new Promise(() => undefined), stop: async () => undefined }
}

function takeOver(pid: number, place: Place, log: EmbeddedOptions['log']): RunningPostgres {
  const watch = watchProcess(pid)
  return {
    connection: connectionTo(place),
    gone: watch.gone,
    async stop() {
      watch.stop()
      try {
        if (!(await hasOtherClients(place))) await endPostmaster(pid, place)
      } catch (error) {
        log('The PostgreSQL that was found running could not be stopped.', error)
      }
    },
  }
}

type Started =
  | { readonly kind: 'serves'; readonly postgres: RunningPostgres }
  | { readonly kind: 'ended'; readonly said: string }
type Child = ChildProcessByStdio<null, null, Readable>

async function start(place: Place, of: StartOptions): Promise<Started> {
  const flags = Object.entries({ ...settings, unix_socket_directories: place.socketFolder }).flatMap(
    ([name, value]) => ['-c', `${name}=${value}`],
  )
  // A Maestro that finds what a guest has started needs it when the guest is gone.
  const bind = of.isGuest ? toCommand : endWithParent
  const program = join(place.binaries.folder, 'bin', 'postgres')
  const command = await bind(place.account, program, ['-D', place.data, ...flags])
  // A session of its own: a Ctrl-C in the terminal is for Maestro, which still writes while it stops.
  const child: Child = spawn(command.file, command.args, {
    ...command.options,
    cwd: place.folder,
    detached: true,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  const ended = new Promise<void>((resolve) => {
    child.once('close', () => resolve())
    child.once('error', () => resolve())
  })
  let said = ''
  const isReady = new Promise<void>((resolve) => {
    logInto(logFile(place), child.stderr, (line) => {
      said = `${said}${line}\n`.slice(-4_000)
      if (line.includes('database system is ready to accept connections')) resolve()
    })
  })
  const outcome = await firstOf({ isReady, ended, signal: of.signal })
  if (outcome === 'ended') return { kind: 'ended', said }
  if (outcome !== 'ready') {
    await end(child, ended)
    of.signal?.throwIfAborted()
    throw notStarted(`it was not ready within ${limits.embedded.startMsMax / 1000} s (its log is ${logFile(place)})`)
  }
  return {
    kind: 'serves',
    postgres: {
      connection: connectionTo(place),
      gone: ended,
      async stop() {
        if (of.isGuest && (await hasOtherClients(place).catch(() => false))) return
        await end(child, ended)
      },
    },
  }
}

async function firstOf(of: {
  isReady: Promise<void>
  ended: Promise<void>
  signal: AbortSignal | undefined
}): Promise<'ready' | 'ended' | 'late'> {
  const late = AbortSignal.timeout(limits.embedded.startMsMax)
  const over = of.signal ? AbortSignal.any([of.signal, late]) : late
  const isOver = new Promise<void>((resolve) => {
    if (over.aborted) resolve()
    over.addEventListener('abort', () => resolve(), { once: true })
  })
  return await Promise.race([
    of.isReady.then(() => 'ready' as const),
    of.ended.then(() => 'ended' as const),
    isOver.then(() => 'late' as const),
  ])
}

/** Ends sessions, then ends at once, then kills. */
async function end(child: Child, ended: Promise<void>): Promise<void> {
  for (const [signal, msMax] of [
    ['SIGINT', limits.embedded.stopMsMax],
    ['SIGQUIT', limits.embedded.quitMsMax],
    ['SIGKILL', limits.embedded.quitMsMax],
  ] as const) {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, msMax)
    })
    await Promise.race([ended, late])
    clearTimeout(timer)
  }
}

function logFile(place: Place): string {
  return join(place.notes, 'postgres.log')
}
