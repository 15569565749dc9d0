import { connectToDaemon } from '#demo/daemon-client'
import { listFamily, listUsersOf, waitForEnd } from '#demo/processes'

/** How long codegend, its Maestro and their Postgres have to leave when they are asked to. */
const stopMsMax = 15_000

/**
 * Asks the codegend of a CODEGEN_HOME to leave and waits for it and all it started. What does not leave is killed, and returned: that is
 * a fault to be told.
 */
export async function stopDaemon(home: string): Promise<number[]> {
  const family = await askToLeave(home)
  // A codegend that never came as far as its socket.
  const others = await listUsersOf(home)
  const left = await waitForEnd([...new Set([...family, ...others])], stopMsMax)
  for (const pid of left) kill(pid)
  return left
}

/** Returns codegend and its descendants as they were before. */
async function askToLeave(home: string): Promise<number[]> {
  const daemon = await connectToDaemon(home)
  if (!daemon) return []
  try {
    const { pid } = await daemon.peer.request('daemon/status', {})
    const family = await listFamily(pid)
    await daemon.peer.request('daemon/shutdown', {})
    return family
  } finally {
    daemon.close()
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It left after all.
  }
}
