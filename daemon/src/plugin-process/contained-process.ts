import { spawn } from 'node:child_process'
import type { ChildProcessByStdio } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { constants } from 'node:os'
import type { Readable, Writable } from 'node:stream'
import { limits } from '#limits'
import { toCommandLine } from './command-line.ts'
import type { ContainedPlugin } from './command-line.ts'
import { paceReading } from './pace-reading.ts'
import type { ProcessEnd } from './plugin-process.ts'
import { watchBounds } from './watch-bounds.ts'

/** A plugin's process with what holds it. */
export type ContainedProcess = {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>
  /** Ends it, with all it started, at once. */
  kill(): void
  /** Resolves when it is gone. `how` says which bound it broke, if so. */
  readonly ended: Promise<Omit<ProcessEnd, 'asked'>>
}

/**
 * Starts a plugin's process in its own folder with its own environment, and looks after its bounds. Fails as toCommandLine does.
 */
export function startContained(plugin: ContainedPlugin): ContainedProcess {
  const { folder, dataDir, environment, containment } = plugin
  const [program = '', ...words] = toCommandLine(plugin)
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  // What nothing holds may start processes: they end as one group. A sandbox takes everything in it with it.
  const isGroup = containment === 'none'
  const stdio: ['pipe', 'pipe', 'pipe'] = ['pipe', 'pipe', 'pipe']
  const child = spawn(program, words, { cwd: folder, env: environment, stdio, detached: isGroup })
  const complaint = keepComplaint(child.stderr, plugin.printed)
  let excess: string | undefined

  function kill(): void {
    if (isGroup) killGroup(child.pid)
    child.kill('SIGKILL')
  }

  function exceeded(how: string): void {
    excess = how
    kill()
  }

  // Those that are left would keep its pipes open.
  if (isGroup) child.once('exit', kill)
  const unwatch = child.pid === undefined ? () => undefined : watchBounds({ pid: child.pid, dataDir, exceeded })
  const ended = watchEnd(child).then((end) => {
    unwatch()
    return { how: excess ?? (isHeapFull(complaint()) ? heapFull : end), complaint: complaint() }
  })
  return { child, kill, ended }
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // Nobody of it is left.
  }
}

async function watchEnd(child: ContainedProcess['child']): Promise<string> {
  const refused = once(child, 'error').then(([error]) => `it could not be started: ${String(error)}`)
  const closed = once(child, 'close').then(([code, signal]) => toHow(code, signal))
  return Promise.race([refused, closed])
}

/** A sandbox tells of a signal as a shell does. */
function toHow(code: unknown, signal: unknown): string {
  if (typeof signal === 'string') return signal
  const [name] = Object.entries(constants.signals).find(([, number]) => code === 128 + number) ?? []
  return name ?? `exit code ${String(code)}`
}

const heapFull = `it used more than ${limits.pluginMemoryMbMax} MB of heap`

function isHeapFull(complaint: string): boolean {
  return complaint.includes('JavaScript heap out of memory')
}

/** The last of what the process says on stderr. */
function keepComplaint(stderr: Readable, hear: (text: string) => void): () => string {
  let kept = ''
  const decoder = new TextDecoder()
  // Whoever floods us here waits on the pipe too.
  paceReading(stderr, (bytes) => {
    const chunk = decoder.decode(bytes, { stream: true })
    kept = (kept + chunk).slice(-limits.pluginComplaintCharactersMax)
    hear(chunk)
  })
  return () => kept
}
