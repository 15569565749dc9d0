import { existsSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { watch } from 'chokidar'
import type { FSWatcher } from 'chokidar'
import { limits } from '#limits'
import type { PluginRoot } from './plugin-root.ts'

/** Looks at folders whenever something in them may have changed. */
export type PluginWatch = {
  /** One more look, so many milliseconds from now, or sooner where one is due before. */
  lookAgain(afterMs: number): void
  /** Resolves when nothing is watched any more; no look begins after this was called. */
  stop(): Promise<void>
}

export type WatchOptions = {
  /** What to watch; may be others each time. They need not be there yet. */
  roots(): readonly PluginRoot[]
  /** One at a time. */
  look(): Promise<void>
  fault(error: unknown): void
}

/**
 * Has `look` called soon after anything below the folders changed, and every limits.pluginLookMs besides: that finds what no watch tells of, such as a folder that comes
 * late, what lies in node_modules, and everything where the system has no more watches to give.
 */
export function watchPlugins({ roots, look, fault }: WatchOptions): PluginWatch {
  let timer: NodeJS.Timeout | undefined
  let [dueAt, looking, stopped] = [Infinity, false, false]
  const watched = new Set<string>()
  const watcher = openWatcher({ roots, fault, changed: () => lookAgain(gatherMs) })
  // One that was removed is watched anew when it is there again.
  watcher.on('unlinkDir', (folder) => watched.delete(folder))
  watchAll()
  const everyNowAndThen = setInterval(() => lookAgain(0), limits.pluginLookMs)
  everyNowAndThen.unref()

  function watchAll(): void {
    const wanted = roots().map(({ folder }) => folder)
    for (const folder of watched) {
      if (wanted.includes(folder)) continue
      watched.delete(folder)
      watcher.unwatch(folder)
    }
    for (const folder of wanted) {
      if (watched.has(folder) || !existsSync(folder)) continue
      watched.add(folder)
      watcher.add(folder)
    }
  }

  function lookAgain(afterMs: number): void {
    const at = performance.now() + afterMs
    if (stopped || at >= dueAt) return
    clearTimeout(timer)
    dueAt = at
    timer = setTimeout(lookNow, afterMs)
    timer.unref()
  }

  function lookNow(): void {
    dueAt = Infinity
    if (looking) return lookAgain(gatherMs)
    looking = true
    watchAll()
    look()
      .catch(fault)
      .finally(() => (looking = false))
  }

  return {
    lookAgain,
    async stop() {
      stopped = true
      clearInterval(everyNowAndThen)
      clearTimeout(timer)
      await watcher.close()
    },
  }
}

/** Changes come in crowds; one look does for those that come together. */
const gatherMs = 10

type WatcherOptions = Pick<WatchOptions, 'roots' | 'fault'> & { changed(): void }

function openWatcher({ roots, fault, changed }: WatcherOptions): FSWatcher {
  let hasFailed = false
  const isPassedOver = (path: string): boolean =>
    basename(path) === 'node_modules' ||
    roots().some(({ folder, except }) => dirname(path) === folder && except?.has(basename(path)))
  const watcher = watch([], {
    ignoreInitial: true,
    followSymlinks: false,
    atomic: false,
    ignored: isPassedOver,
    depth: limits.pluginWatchDepthMax,
  })
  watcher.on('all', changed)
  watcher.on('error', (error) => {
    // The same each time: it is told once, and the look every now and then goes on.
    if (!hasFailed) fault(error)
    hasFailed = true
  })
  return watcher
}
