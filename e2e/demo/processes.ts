import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'

/** A process and all that descend from it now; none when it is gone. */
export async function listFamily(pid: number): Promise<number[]> {
  const parents = await listParents()
  if (!parents.has(pid)) return []
  const family = [pid]
  // The list grows while it is walked: children of children come after them.
  for (const member of family) {
    for (const [child, parent] of parents) if (parent === member) family.push(child)
  }
  return family
}

/** The processes that have this CODEGEN_HOME in their environment. Known on Linux alone; elsewhere none. */
export async function listUsersOf(home: string): Promise<number[]> {
  if (process.platform !== 'linux') return []
  const variable = `CODEGEN_HOME=${home}`
  const pids = await listProc()
  const environments = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '')))
  return pids.filter((_, index) => environments[index]?.split('\0').includes(variable)).map(Number)
}

/** Waits until these processes have ended, at most so long. Returns those that have not. */
export async function waitForEnd(pids: readonly number[], ms: number): Promise<number[]> {
  const deadline = performance.now() + ms
  for (;;) {
    const alive = await listAlive(pids)
    if (alive.length === 0 || performance.now() > deadline) return alive
    await wait(50)
  }
}

async function listAlive(pids: readonly number[]): Promise<number[]> {
  const parents = await listParents()
  return pids.filter((pid) => parents.has(pid))
}

/** The parent of every process that runs; those that have ended and were not collected yet do not count. */
async function listParents(): Promise<Map<number, number>> {
  return process.platform === 'linux' ? readProc() : askPs()
}

async function readProc(): Promise<Map<number, number>> {
  const pids = await listProc()
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')))
  // The name before the state may hold anything, a closing bracket too.
  return toParents(stats.map((stat) => /^(?<pid>\d+) \(.*\) (?<state>\S) (?<parent>\d+) /s.exec(stat)))
}

async function listProc(): Promise<string[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
}

async function askPs(): Promise<Map<number, number>> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,state='])
  return toParents(stdout.split('\n').map((line) => /^\s*(?<pid>\d+)\s+(?<parent>\d+)\s+(?<state>\S)/.exec(line)))
}

function toParents(matches: readonly (RegExpExecArray | null)[]): Map<number, number> {
  const running = matches.filter((match) => match !== null && match.groups?.['state'] !== 'Z')
  return new Map(running.map((match) => [Number(match?.groups?.['pid']), Number(match?.groups?.['parent'])]))
}
