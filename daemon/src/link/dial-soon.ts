import { limits } from '#limits'
import { dial } from './dial.ts'
import type { Dialled } from './dial.ts'
import type { Access } from './send.ts'

/**
 * Dials, and once more beside that when no answer has come after limits.dialBesideMs: a balancer may have chosen a server that hangs, and will hardly do so
 * twice. The first that is taken counts, the other is given up. Fails as `dial` does, with what the last of them failed with.
 */
export function dialSoon(access: Access, signal: AbortSignal): Promise<Dialled> {
  const { promise, resolve, reject } = Promise.withResolvers<Dialled>()
  const dialling = new Set<AbortController>()
  let isDone = false

  const finish = (): void => {
    isDone = true
    clearTimeout(beside)
    for (const other of dialling) other.abort()
  }
  const start = (): void => {
    const mine = new AbortController()
    dialling.add(mine)
    dial(access, AbortSignal.any([signal, mine.signal])).then(
      (dialled) => {
        dialling.delete(mine)
        if (isDone) return dialled.socket.terminate()
        finish()
        resolve(dialled)
      },
      (failure: unknown) => {
        dialling.delete(mine)
        if (dialling.size > 0) return
        finish()
        reject(failure)
      },
    )
  }
  const beside = setTimeout(start, limits.dialBesideMs)
  start()
  return promise
}
