import { mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { Spawn, SpawnOptions } from '@codegen/kit'
import type { Test } from 'tap'
import { toCommandEnvironment } from '#hands/command-environment'
import { createProcessGroups } from '#hands/process-group'
import type { ProcessGroups } from '#hands/process-group'
import { createSpawn } from '#hands/spawn'

/** A folder of its own for one test, and commands that run in it. */
export type Workshop = {
  readonly root: string
  readonly outputDir: string
  readonly groups: ProcessGroups
  readonly spawn: Spawn
  /** Runs with usual options and hands over the result. */
  run(command: string, options?: Partial<SpawnOptions>): ReturnType<Spawn>
}

export type WorkshopOptions = {
  signal?: AbortSignal
  environment?: Readonly<Record<string, string | undefined>>
  ownerNames?: readonly string[]
  toolId?: string
}

/** Real processes in a folder that goes with the test. */
export function createWorkshop(t: Test, options: WorkshopOptions = {}): Workshop {
  const base = realpathSync(mkdtempSync(join(tmpdir(), 'codegen-spawn-')))
  t.teardown(() => rmSync(base, { recursive: true, force: true }))
  const root = join(base, 'project')
  mkdirSync(root)
  const outputDir = join(base, 'output')
  const groups = createProcessGroups()
  const spawn = createSpawn({
    root,
    cwd: root,
    environment: toCommandEnvironment(options.environment ?? process.env, options.ownerNames),
    outputDir,
    toolId: options.toolId ?? 'tool-1',
    signal: options.signal ?? new AbortController().signal,
    groups,
  })
  return {
    root,
    outputDir,
    groups,
    spawn,
    run: (command, some) => spawn(command, { timeoutMs: 20_000, charactersMax: 30_000, ...some }),
  }
}

/** Whether a process is there and not just waiting to be collected. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !['Z', 'X'].includes(stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3))
  } catch {
    return false
  }
}

/** Children of this process that have ended and were not collected. */
export function countZombies(): number {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
        const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
        return state === 'Z' && parent === String(process.pid)
      } catch {
        return false
      }
    }).length
}

/** Waits until something is so; fails the test when it is not within two seconds. */
export async function untilSo(t: Test, what: string, isSo: () => boolean): Promise<void> {
  for (const until = performance.now() + 2_000; performance.now() < until; await delay(10)) {
    if (isSo()) return
  }
  t.fail(what)
}
