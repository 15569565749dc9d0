import type { Readable } from 'node:stream'
import { limits } from '#limits'

/**
 * Reads a stream no faster than limits.pluginBytesPerSecondMax after a first burst of that size: whoever floods it waits on the pipe, and everybody else is served
 * meanwhile.
 */
export function paceReading(stream: Readable, receive: (chunk: Uint8Array) => void): void {
  const perSecond = limits.pluginBytesPerSecondMax
  let [allowed, at] = [perSecond, performance.now()]
  stream.on('data', (chunk: Uint8Array) => {
    const now = performance.now()
    allowed = Math.min(perSecond, allowed + ((now - at) / 1_000) * perSecond) - chunk.byteLength
    at = now
    receive(chunk)
    if (allowed >= 0) return
    stream.pause()
    setTimeout(() => stream.resume(), (-allowed / perSecond) * 1_000)
  })
}
