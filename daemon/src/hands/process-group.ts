import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { limits } from '#limits'
import { parseProcessStat, readProcessStat } from './process-stat.ts'

/** A command's own process group. `startTime` (clock ticks since boot) tells its leader from a later process with the same number. */
export type ProcessGroup = { readonly pid: number; readonly toolId: string; readonly startTime: string | undefined }

/** The process groups that are alive, so that whoever shuts down can end them. */
export type ProcessGroups = {
  /** Remembers the group a just started process leads. */
  add(pid: number, toolId: string): ProcessGroup
  remove(group: ProcessGroup): void
  list(): readonly ProcessGroup[]
  /** Ends every group: `signal`, then SIGKILL for what is left. Resolves within a second. */
  killAll(signal: NodeJS.Signals): Promise<void>
}

/** An empty list of groups. */
export function createProcessGroups(): ProcessGroups {
  const groups = new Set<ProcessGroup>()
  return {
    add(pid, toolId) {
      const group = { pid, toolId, startTime: readProcessStat(pid)?.startTime }
      groups.add(group)
      return group
    },
    remove: (group) => void groups.delete(group),
    list: () => [...groups],
    async killAll(signal) {
      await Promise.all([...groups].map((group) => endProcessGroup(group, signal)))
    },
  }
}

/**
 * Sends `signal` to everyone in the group, SIGKILL after a grace, and waits until nobody is left. Never touches a group whose number now belongs
 * to someone else. Resolves within a second even when a member cannot die; at once when the group is gone.
 */
export async function endProcessGroup(group: ProcessGroup, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (isReused(group) || !signalGroup(group.pid, signal)) return
  if (await isGoneWithin(group.pid, limits.groupTermMs)) return
  signalGroup(group.pid, 'SIGKILL')
  await isGoneWithin(group.pid, limits.groupKillMs)
}

function isReused(group: ProcessGroup): boolean {
  const now = readProcessStat(group.pid)?.startTime
  return now !== undefined && group.startTime !== undefined && now !== group.startTime
}

async function isGoneWithin(pid: number, withinMs: number): Promise<boolean> {
  const until = performance.now() + withinMs
  for (let waitMs = 2; performance.now() < until; waitMs = Math.min(waitMs * 2, 50)) {
    await delay(waitMs)
    if (!signalGroup(pid, 0) || (await isDead(pid))) return true
  }
  return false
}

/** False when nobody is left who could be signalled. */
function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    return false
  }
}

/** Whether all that is left of a group is dead processes nobody has collected: where process 1 does not, they stay for ever and look alive to `kill`. */
async function isDead(groupPid: number): Promise<boolean> {
  const names = await readdir('/proc').catch(() => [])
  const pids = names.filter((name) => /^[0-9]+$/.test(name))
  const processes = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/stat`, 'latin1').then(parseProcessStat, () => undefined)),
  )
  const members = processes.filter((stat) => stat?.group === String(groupPid))
  return members.length > 0 && members.every((member) => member?.state === 'Z' || member?.state === 'X')
}
