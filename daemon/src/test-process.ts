import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { TestExecutor, TestMaestro } from '#link/test-maestro'
import type { Place } from './test-daemon.ts'

const program = fileURLToPath(new URL('../bin/codegend.js', import.meta.url))

type Process = {
  readonly child: ChildProcess
  readonly ended: Promise<{ code: number | null; stdout: string; stderr: string }>
}

/** codegend as a user starts it, from the sources. */
export function run(t: Test, environment: Place['environment'], args: readonly string[] = []): Process {
  const child = spawn(process.execPath, ['--conditions=codegen-source', program, ...args], {
    env: Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined)),
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  let [stdout, stderr] = ['', '']
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = once(child, 'close').then(() => ({ code: child.exitCode, stdout, stderr }))
  return { child, ended }
}

export function socketOf({ home }: Place): string {
  return join(home, 'run', 'codegend.sock')
}

/** Whether a process is there and has not ended. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0) && !/^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

/** One that was welcomed. */
export async function started(
  t: Test,
  place: Place,
  maestro: TestMaestro,
  args: readonly string[] = [],
): Promise<Process & { executor: TestExecutor }> {
  const running = run(t, { ...place.environment, CODEGEN_MAESTRO_URL: maestro.url }, args)
  const executor = await maestro.next()
  executor.welcome()
  return { ...running, executor }
}
