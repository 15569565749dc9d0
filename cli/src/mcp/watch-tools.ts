import { setTimeout as delay } from 'node:timers/promises'
import type { Client } from '#client'
import { limits } from '#limits'
import type { DaemonDoor } from './daemon-door.ts'

/**
 * Has `changed` called whenever codegend's tools have changed, which they may have where another codegend is there than before. Watches from the first `begin` on, and
 * starts no codegend for it.
 */
export function watchTools(door: Pick<DaemonDoor, 'find'>, changed: () => void): { begin(): void; stop(): void } {
  const stopping = new AbortController()
  let begun = false

  async function watch(): Promise<void> {
    for (let isFirst = true; !stopping.signal.aborted; isFirst = false) {
      const client = await door.find({ toolsChanged: changed }).catch(() => undefined)
      if (client) {
        if (!isFirst) changed()
        await untilGone(client)
      }
      await delay(limits.mcpWatchAgainMs, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
    }
  }

  async function untilGone(client: Client): Promise<void> {
    const leave = (): void => client.close()
    stopping.signal.addEventListener('abort', leave)
    if (stopping.signal.aborted) leave()
    await client.closed
    stopping.signal.removeEventListener('abort', leave)
  }

  return {
    begin() {
      if (begun) return
      begun = true
      watch().catch(changed)
    },
    stop: () => stopping.abort(),
  }
}
