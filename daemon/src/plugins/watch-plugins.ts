import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { limits } from '#limits'

/**
 * Has `look` called after anything below the folder changed, and every limits.pluginLookMs besides: a watch does not outlive its folder. One look at a time. `soon` asks for
 * one more a little later. Keeps no process alive.
 */
export function watchPlugins(
  folder: string,
  look: () => Promise<void>,
  onFault: (error: unknown) => void,
): { soon(): void; stop(): void } {
  let timer: NodeJS.Timeout | undefined
  let [looking, stopped] = [false, false]
  let watcher = openWatcher()
  const everyNowAndThen = setInterval(() => {
    watcher?.close()
    watcher = openWatcher()
    soon()
  }, limits.pluginLookMs)
  everyNowAndThen.unref()

  function openWatcher(): FSWatcher | undefined {
    try {
      const opened = watch(folder, { persistent: false, recursive: true }, soon)
      opened.on('error', () => opened.close())
      return opened
    } catch {
      return undefined
    }
  }

  function soon(): void {
    if (stopped) return
    timer ??= setTimeout(lookNow, limits.pluginSettleMs / 2)
    timer.unref()
  }

  function lookNow(): void {
    timer = undefined
    if (looking) return soon()
    looking = true
    look()
      .catch(onFault)
      .finally(() => (looking = false))
  }

  return {
    soon,
    stop() {
      stopped = true
      clearInterval(everyNowAndThen)
      clearTimeout(timer)
      watcher?.close()
    },
  }
}
