import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { limits } from '#limits'
import { lookAtTree } from './process-tree.ts'

/** A process that is looked at, with all it started, and the folder it writes to. */
export type Watched = {
  readonly pid: number
  readonly dataDir: string
  /** Called once. `how` is a clause about the process: "it used more than ...". */
  exceeded(how: string): void
}

/**
 * Looks at a plugin's process now and then, for what the kernel does not bound: the memory of all its processes together, how many they are, and what it keeps on disk. Answers
 * how to stop. Keeps no process alive.
 */
export function watchBounds({ pid, dataDir, exceeded }: Watched): () => void {
  let [looking, stopped] = [false, false]
  let keptAt = performance.now()
  const timer = setInterval(() => {
    if (!looking) look().catch(stop)
  }, limits.pluginLookMemoryMs)
  timer.unref()

  async function look(): Promise<void> {
    looking = true
    const how = await findExcess()
    looking = false
    if (how === undefined || stopped) return
    stop()
    exceeded(how)
  }

  async function findExcess(): Promise<string | undefined> {
    const { count, memoryBytes } = await lookAtTree(pid)
    if (memoryBytes > limits.pluginResidentMbMax * megabyte) return usedMore(limits.pluginResidentMbMax, 'of memory')
    if (count > limits.pluginProcessesMax) return `it had more than ${limits.pluginProcessesMax} processes`
    if (performance.now() - keptAt < limits.pluginLookKeptMs) return undefined
    keptAt = performance.now()
    return findKeptExcess(dataDir)
  }

  function stop(): void {
    stopped = true
    clearInterval(timer)
  }

  return stop
}

const megabyte = 1024 * 1024

async function findKeptExcess(dataDir: string): Promise<string | undefined> {
  let [files, bytes] = [0, 0]
  const pending = [dataDir]
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const path = join(folder, entry.name)
      if (entry.isDirectory()) pending.push(path)
      files += 1
      // What is sparse takes no room.
      bytes += ((await lstat(path).catch(() => undefined))?.blocks ?? 0) * 512
      if (files > limits.pluginKeptFilesMax)
        return `it keeps more than ${limits.pluginKeptFilesMax} files in ${dataDir}`
      if (bytes > limits.pluginKeptMbMax * megabyte) return usedMore(limits.pluginKeptMbMax, `in ${dataDir}`)
    }
  }
  return undefined
}

function usedMore(megabytes: number, where: string): string {
  return `it used more than ${megabytes} MB ${where}`
}
