import type { ChildProcess } from 'node:child_process'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '#limits'
import { createClient } from './client.ts'
import type { Client } from './client.ts'
import { daemonProgram } from './daemon-program.ts'
import { dial } from './dial.ts'
import type { Connection } from './dial.ts'

/**
 * Starts codegend in the background, where it outlives this process, and connects to it. Where another one was first, that one is connected to.
 * Fails with server.unreachable and the daemon's last words where none answers within limits.daemonStartMsMax.
 */
export function startDaemon(socketPath: string): Promise<Connection> {
  return untilFound(socketPath, [], () => dial(socketPath))
}

/**
 * Starts a codegend in the place of the one that runs, which hands over to it, and connects to it. Fails with server.unreachable and the new one's last words where
 * it cannot; then the one that runs goes on.
 */
export function replaceDaemon(socketPath: string): Promise<Client> {
  return untilFound(socketPath, ['--take-over'], async (daemon) => {
    const found = await findDaemon(socketPath)
    if (found?.status?.pid === daemon.pid) return found?.client
    found?.client.close()
    return undefined
  })
}

/** The codegend that runs now, and what it says of itself; that is undefined where it does not let this version in. */
export async function findDaemon(socketPath: string): Promise<FoundDaemon | undefined> {
  const connection = await dial(socketPath)
  if (!connection) return undefined
  const client = createClient(connection)
  return { client, status: await client.status().catch(() => undefined) }
}

export type FoundDaemon = {
  readonly client: Client
  readonly status: Awaited<ReturnType<Client['status']>> | undefined
}

/** Starts a codegend and looks until it is found. */
async function untilFound<Found>(
  socketPath: string,
  words: readonly string[],
  look: (daemon: ChildProcess) => Promise<Found | undefined>,
): Promise<Found> {
  const complaint = openComplaint()
  const daemon = spawnDaemon(socketPath, words, complaint.descriptor)
  const deadline = performance.now() + limits.daemonStartMsMax
  try {
    while (performance.now() < deadline) {
      const hasLeft = daemon.exitCode !== null || daemon.signalCode !== null || daemon.pid === undefined
      const found = await look(daemon)
      if (found) return found
      // It looked for others before it left, so one dial after that settles it.
      if (hasLeft) break
      await pause(daemon)
    }
    throw new Failure(
      'server.unreachable',
      `codegend did not start: ${complaint.lastLine().replace(/^codegend: /, '') || 'it does not answer'}`,
    )
  } finally {
    complaint.close()
    daemon.removeAllListeners()
    daemon.unref()
  }
}

/**
 * codegend and its Maestro spend their time waiting, and what is young dies young: a small nursery is enough for both. Starting a command copies the
 * page tables of the whole process, 0.085 ms for each MB here, so that memory is time.
 */
const smallHeap = ['--max-semi-space-size=1']

function spawnDaemon(socketPath: string, words: readonly string[], stderr: number): ChildProcess {
  const { spawn } = process.getBuiltinModule('node:child_process')
  const daemon = spawn(process.execPath, [...smallHeap, ...daemonProgram(), ...words], {
    detached: true,
    stdio: ['ignore', 'ignore', stderr],
    // A daemon must not keep the folder busy it happened to be started in.
    cwd: '/',
    // What was relative to this folder is not to the daemon's.
    env: process.env['CODEGEN_SOCKET'] ? { ...process.env, CODEGEN_SOCKET: socketPath } : process.env,
  })
  // That it could not be spawned shows in its having no pid.
  daemon.on('error', () => undefined)
  return daemon
}

function pause(daemon: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(done, limits.daemonDialEveryMs)
    daemon.once('exit', done)
    function done(): void {
      clearTimeout(timer)
      daemon.removeListener('exit', done)
      resolve()
    }
  })
}

/** Where the daemon complains: a file without a name, so that nothing is left of it and the daemon never waits for a reader. */
function openComplaint(): { descriptor: number; lastLine(): string; close(): void } {
  const { closeSync, fstatSync, openSync, readSync, unlinkSync } = process.getBuiltinModule('node:fs')
  const { tmpdir } = process.getBuiltinModule('node:os')
  const path = `${tmpdir()}/codegend-start-${process.pid}-${Math.random().toString(36).slice(2)}`
  const descriptor = openSync(path, 'wx+', 0o600)
  unlinkSync(path)

  function lastLine(): string {
    const { size } = fstatSync(descriptor)
    const bytes = Buffer.alloc(Math.min(size, limits.daemonComplaintBytesMax))
    const length = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString('utf8', 0, length).trim().split('\n').at(-1) ?? ''
  }

  return { descriptor, lastLine, close: () => closeSync(descriptor) }
}
