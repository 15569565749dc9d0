import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { limits } from '#limits'

/**
 * Calls `onChange` soon after anything in the folder changed, and every limits.socketCheckMs besides: a watch does not outlive its folder, and
 * some systems have none to give. Keeps no process alive.
 */
export function watchFolder(folder: string, onChange: () => void): { stop(): void } {
  let watcher = openWatcher()
  const timer = setInterval(() => {
    watcher?.close()
    watcher = openWatcher()
    onChange()
  }, limits.socketCheckMs)
  timer.unref()

  function openWatcher(): FSWatcher | undefined {
    try {
      const opened = watch(folder, { persistent: false }, onChange)
      opened.on('error', () => opened.close())
      return opened
    } catch {
      return undefined
    }
  }

  return {
    stop() {
      clearInterval(timer)
      watcher?.close()
    },
  }
}
