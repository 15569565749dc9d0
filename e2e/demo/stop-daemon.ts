import { connectToDaemon } from '#demo/daemon-client'
import { listFamily, listUsersOf, waitForEnd } from '#demo/processes'

/** How long codegend, its Maestro and their Postgres have to leave when they are asked to. */
const stopMsMax = 15_000
const askAgainMs = 500

/**
 * Asks the codegend of a CODEGEN_HOME to leave and waits for it and all it started. What does not leave is killed, and returned: that is
 * a fault to be told.
 */
export async function stopDaemon(home: string): Promise<number[]> {
  const family = await askToLeave(home)
  // Where codegend did not answer, its processes are known by their environment.
  const others = await listUsersOf(home)
  if (family.length === 0) for (const pid of others) signal(pid, 'SIGTERM')
  const all = [...new Set([...family, ...others])]
  const deadline = performance.now() + stopMsMax
  let left = await waitForEnd(all, askAgainMs)
  while (left.length > 0 && performance.now() < deadline) {
    // Of two that were started at once the later one may have taken the place of the one that left.
    await askToLeave(home)
    left = await waitForEnd(left, askAgainMs)
  }
  for (const pid of left) signal(pid, 'SIGKILL')
  return left
}

/** Returns codegend and its descendants as they were before; none when it does not answer. */
async function askToLeave(home: string): Promise<number[]> {
  try {
    const daemon = await connectToDaemon(home)
    if (!daemon) return []
    const { pid } = await daemon.peer.request('daemon/status', {})
    const family = await listFamily(pid)
    await daemon.peer.request('daemon/shutdown', {})
    daemon.close()
    return family
  } catch (error) {
    process.stderr.write(`codegend did not take leave: ${String(error)}\n`)
    return []
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // It left by itself.
  }
}
