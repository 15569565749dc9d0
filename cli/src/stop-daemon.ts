import { readFileSync } from 'node:fs'
import { Failure } from '@codegen/protocol/failure'
import { createClient } from './client.ts'
import { socketPath } from './connect.ts'
import { dial } from './dial.ts'
import { limits } from './limits.ts'

export type StoppedDaemon = { readonly pid: number; readonly callsEnded: number }

/**
 * Asks the codegend that runs, of whatever version, to leave and waits until its process is gone; undefined where none runs. Fails with
 * client.timeout, naming the process, when it stays.
 */
export async function stopDaemon(): Promise<StoppedDaemon | undefined> {
  const connection = await dial(socketPath())
  if (!connection) return undefined
  const client = createClient(connection)
  const callsEnded = await client.status().then(
    ({ calls_open }) => calls_open,
    () => 0,
  )
  const { pid } = await client.shutdown()
  await untilGone(pid)
  client.close()
  return { pid, callsEnded }
}

async function untilGone(pid: number): Promise<void> {
  const deadline = performance.now() + limits.daemonStopMsMax
  while (isRunning(pid)) {
    if (performance.now() > deadline) {
      throw new Failure(
        'client.timeout',
        `codegend (pid ${pid}) was asked to leave and is still there; look at codegen logs, or end it with: kill -9 ${pid}`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, limits.daemonGoneEveryMs))
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  try {
    // One that has ended and that its parent has not looked after does nothing any more.
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return process.platform !== 'linux'
  }
}
