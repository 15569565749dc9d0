import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import type { Test } from 'tap'

/** A screen nobody sees, by the value of DISPLAY. Undefined, and the test skipped, where Xvfb or xsel is missing; with CODEGEN_REQUIRE_SERVICES=1 it fails. */
export async function openDisplay(t: Test): Promise<string | undefined> {
  if (['Xvfb', 'xsel'].some((program) => spawnSync(program, ['-help']).error)) {
    if (process.env.CODEGEN_REQUIRE_SERVICES === '1') t.fail('needs Xvfb and xsel')
    else t.plan(0, 'needs Xvfb and xsel')
    return undefined
  }
  const screen = spawn('Xvfb', ['-displayfd', '1', '-nolisten', 'tcp'], { stdio: ['ignore', 'pipe', 'ignore'] })
  const ended = once(screen, 'exit')
  t.teardown(() => {
    screen.kill()
    return ended
  })
  const [number] = await once(screen.stdout.setEncoding('utf8'), 'data')
  return `:${String(number).trim()}`
}
