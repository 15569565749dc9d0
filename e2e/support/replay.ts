import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import { programPath, run } from './system.ts'
import type { Ended } from './system.ts'

/** Runs `maestro replay` to its end. */
export type Replay = (...parameters: string[]) => Promise<Ended>

/** `maestro replay` on a database, as an operator calls it. Without one it is told none and has an empty home. */
export async function createReplay(t: Test, databaseUrl: string | undefined): Promise<Replay> {
  const home = await mkdtemp(join(tmpdir(), 'replay-'))
  t.teardown(() => rm(home, { recursive: true, force: true }))
  const database = databaseUrl === undefined ? {} : { DATABASE_URL: databaseUrl }
  return replayWith({ PATH: process.env.PATH, CODEGEN_HOME: home, ...database })
}

/** `maestro replay` in an environment. */
export function replayWith(env: NodeJS.ProcessEnv): Replay {
  const program = programPath('maestro', 'bin', 'maestro.js')
  return (...parameters) => run(['--conditions=codegen-source', program, 'replay', ...parameters], { env })
}

/** The lines of `--json`. */
export function linesOf({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
