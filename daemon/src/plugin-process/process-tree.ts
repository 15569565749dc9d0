import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'

/** A process and all it started: how many they are, and how much memory they hold that is not a file's. */
export type ProcessTree = { readonly count: number; readonly memoryBytes: number }

/** Looks at what is there now; what ends meanwhile is left out. Never fails. */
export function lookAtTree(pid: number): Promise<ProcessTree> {
  return process.platform === 'linux' ? lookInProc(pid) : lookByPs(pid)
}

async function lookInProc(root: number): Promise<ProcessTree> {
  let [count, memoryBytes] = [0, 0]
  const pending = [root]
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const status = await readFile(`/proc/${pid}/status`, 'latin1').catch(() => undefined)
    if (status === undefined) continue
    count += 1
    for (const [, kilobytes] of status.matchAll(/^Rss(?:Anon|Shmem):\s*(\d+) kB$/gm)) {
      memoryBytes += Number(kilobytes) * 1024
    }
    pending.push(...(await childrenOf(pid)))
  }
  return { count, memoryBytes }
}

/** Each thread has its own. */
async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const files = threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/children`, 'latin1').catch(() => ''))
  return (await Promise.all(files)).flatMap((text) => text.split(' ').filter(Boolean).map(Number))
}

/** Where there is no /proc. */
export function lookByPs(root: number): Promise<ProcessTree> {
  return new Promise((resolve) => {
    execFile('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8' }, (_error, stdout) => {
      resolve(sumTree(root, stdout))
    })
  })
}

function sumTree(root: number, table: string): ProcessTree {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/).map(Number))
  const members = new Set([root])
  let [count, memoryBytes] = [0, 0]
  // A child has mostly a higher number than its parent, but numbers begin anew one day.
  for (let before = -1; before !== members.size;) {
    before = members.size
    for (const [pid = 0, parent = 0] of rows) if (members.has(parent)) members.add(pid)
  }
  for (const [pid = 0, , kilobytes = 0] of rows) {
    if (!members.has(pid)) continue
    count += 1
    memoryBytes += kilobytes * 1024
  }
  return { count, memoryBytes }
}
