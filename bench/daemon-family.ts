import { readFileSync } from 'node:fs'
import type { BenchPlace } from '#bench-place'

/** The processes of a codegend with a Maestro and a Postgres of its own; NaN for one that is not there. */
export type DaemonFamily = { readonly daemon: number; readonly maestro: number; readonly postgres: readonly number[] }

/** Finds them by their names. */
export async function findDaemonFamily(place: BenchPlace): Promise<DaemonFamily> {
  const [daemon = NaN, ...others] = await place.listDaemonFamily()
  const postgres = others.filter((pid) => /postgres/.test(readProc(pid, 'cmdline').split('\0')[0] ?? ''))
  const [maestro = NaN] = others.filter((pid) => !postgres.includes(pid))
  return { daemon, maestro, postgres }
}

/** A file of a process in /proc; empty when it is gone, or this is no Linux. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8')
  } catch {
    return ''
  }
}
