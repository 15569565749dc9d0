import { readFileSync } from 'node:fs'

/** Fields 3, 5 and 22 of /proc/PID/stat. */
export type ProcessStat = {
  readonly state: string | undefined
  readonly group: string | undefined
  readonly startTime: string | undefined
}

/** What Linux says of a process; undefined where there is none, and on other systems. */
export function readProcessStat(pid: number): ProcessStat | undefined {
  try {
    return parseProcessStat(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return undefined
  }
}

/** The name in field 2 may hold spaces and brackets. */
export function parseProcessStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return { state: fields[0], group: fields[2], startTime: fields[19] }
}

/** Names a process so that a later one with its number is told from it, where the system can tell. */
export function identifyProcess(pid: number): { readonly pid: number; readonly startTime?: string } {
  const startTime = readProcessStat(pid)?.startTime
  return { pid, ...(startTime === undefined ? {} : { startTime }) }
}

/** Whether this very process is still there and not merely not collected yet. */
export function isProcessAlive({ pid, startTime }: { readonly pid: number; readonly startTime?: string }): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false
  }
  const now = readProcessStat(pid)
  if (now === undefined) return process.platform !== 'linux'
  return now.state !== 'Z' && now.state !== 'X' && (startTime === undefined || now.startTime === startTime)
}
