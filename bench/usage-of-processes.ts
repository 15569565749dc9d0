import { readdirSync, readFileSync } from 'node:fs'

/** What a process has used until now; known on Linux alone. */
export type Usage = { readonly cpuMs: number; readonly peakRssMb: number; readonly rssMb: number }

/** Undefined when the process is gone, or this is no Linux. */
export function usageOf(pid: number): Usage | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    const threads = readdirSync(`/proc/${pid}/task`)
    const cpuNs = threads.map((thread) =>
      Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
    )
    const cpuMs = cpuNs.reduce((sum, ns) => sum + ns, 0) / 1e6
    const rssMb = megabytes(status, 'VmRSS')
    // A process that is ending has no memory left and some threads less.
    return rssMb > 0 ? { cpuMs, rssMb, peakRssMb: megabytes(status, 'VmHWM') } : undefined
  } catch {
    return undefined
  }
}

function megabytes(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) / 1024
}
