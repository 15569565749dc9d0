import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
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
  return (...parameters) => run([...program, ...parameters], { env })
}

/** The same with a reader who leaves before anything is printed; resolves with what it says and its exit code. */
export async function replayToNobody(env: NodeJS.ProcessEnv, ...parameters: string[]) {
  const child = spawn(process.execPath, [...program, ...parameters], { env, stdio: ['ignore', 'pipe', 'pipe'] })
  child.stdout.destroy()
  const [stderr, [code]] = await Promise.all([text(child.stderr), once(child, 'close')])
  return { stderr, code: Number(code) }
}

const program = ['--conditions=codegen-source', programPath('maestro', 'bin', 'maestro.js'), 'replay']

/** The lines of `--json`. */
export function linesOf({ stdout }: Ended): Record<string, unknown>[] {
  return stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}
