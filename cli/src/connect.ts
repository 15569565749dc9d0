import { resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { checkSocketPath, findSocketPath } from '@codegen/protocol/socket-path'
import { createClient } from './client.ts'
import type { Client, ClientEvents } from './client.ts'
import { dial } from './dial.ts'
import { limits } from './limits.ts'
import { findDaemon, startDaemon } from './start-daemon.ts'

export type ConnectOptions = {
  events?: ClientEvents
  /** Says that codegend is being started. Without it a daemon that does not run is server.unreachable. */
  onStart?: () => void
}

/** Connects to codegend, starting it where it does not run. */
export async function connectToDaemon({ events, onStart }: ConnectOptions): Promise<Client> {
  const path = socketPath()
  const connection = await dial(path)
  if (connection) return createClient(connection, events)
  if (!onStart) {
    throw new Failure(
      'server.unreachable',
      `codegend is not running (nobody listens on ${path}); the next prompt starts it.`,
    )
  }
  onStart()
  return createClient(await startDaemon(path), events)
}

/** Where codegend listens for this user. Fails with config.invalid for a path no socket can have. */
export function socketPath(): string {
  const home = process.env['HOME'] || process.getBuiltinModule('node:os').homedir()
  const path = resolve(findSocketPath(process.env, home).path)
  checkSocketPath(path, process.platform)
  return path
}

/** Waits for a codegend other than `earlierPid` that somebody else starts; undefined where none answers within limits.daemonStartMsMax. */
export async function untilDaemonAnswers(earlierPid?: number): Promise<Client | undefined> {
  const deadline = performance.now() + limits.daemonStartMsMax
  while (performance.now() < deadline) {
    const found = await findDaemon(socketPath())
    if (found?.status && found.status.pid !== earlierPid) return found.client
    found?.client.close()
    await new Promise((done) => setTimeout(done, limits.daemonGoneEveryMs))
  }
  return undefined
}
