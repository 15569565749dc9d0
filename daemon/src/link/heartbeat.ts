import { limits } from '@codegen/protocol/limits'
import type { WebSocket } from 'ws'

/**
 * Ends the socket when nothing came from the server for `limits.heartbeatMissesMax` of its intervals, by the monotonic clock. Returns how to stop
 * watching. After a pause of this whole process, what has arrived meanwhile is heard first.
 */
export function watchHeartbeat(socket: WebSocket, intervalMs: number): () => void {
  const silenceMsMax = intervalMs * limits.heartbeatMissesMax
  let heardAt = performance.now()
  let timer: NodeJS.Timeout | undefined
  const heard = (): void => {
    heardAt = performance.now()
  }
  const silentMs = (): number => performance.now() - heardAt
  const check = (): void => {
    if (silentMs() < silenceMsMax) return wait()
    // Timers run before sockets are read: a process that was stopped has not heard yet what is waiting for it.
    timer = setTimeout(() => (silentMs() < silenceMsMax ? wait() : socket.terminate()), Math.min(100, intervalMs))
  }
  const wait = (): void => {
    timer = setTimeout(check, Math.max(silenceMsMax - silentMs(), 1))
  }
  for (const event of ['ping', 'pong', 'message']) socket.on(event, heard)
  wait()
  return () => {
    clearTimeout(timer)
    for (const event of ['ping', 'pong', 'message']) socket.off(event, heard)
  }
}
