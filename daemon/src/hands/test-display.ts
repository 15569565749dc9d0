import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/**
 * A screen nobody sees, of this test's own, with a clipboard like any other: the environment that names it. Where Xvfb or xsel is not installed the test
 * is skipped and the answer is undefined; with CODEGEN_REQUIRE_SERVICES=1 it fails.
 */
export async function startDisplay(t: Test): Promise<Record<'DISPLAY' | 'HOME' | 'PATH', string> | undefined> {
  const missing = ['Xvfb', 'xsel'].filter((program) => spawnSync(program, ['-help']).error)
  if (missing.length > 0) {
    const reason = `needs ${missing.join(' and ')}`
    if (process.env['CODEGEN_REQUIRE_SERVICES'] === '1') t.fail(reason)
    else t.plan(0, reason)
    return undefined
  }
  const home = mkdtempSync(join(tmpdir(), 'codegen-display-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  const options = ['-displayfd', '1', '-screen', '0', '320x240x8', '-nolisten', 'tcp']
  const server = spawn('Xvfb', options, { stdio: ['ignore', 'pipe', 'ignore'] })
  t.teardown(async () => {
    const ended = once(server, 'exit')
    server.kill()
    await ended
  })
  const [number] = await once(server.stdout.setEncoding('utf8'), 'data')
  return { DISPLAY: `:${String(number).trim()}`, HOME: home, PATH: process.env['PATH'] ?? '' }
}
