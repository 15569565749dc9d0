import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { test } from 'tap'
import type { Test } from 'tap'
import { createClipboard } from '#hands/clipboard'
import { createProcessGroups } from '#hands/process-group'
import { limits } from '#limits'
import { isAlive } from './test-spawn.ts'

test('what is written to the clipboard is what is read from it', async (t) => {
  const { clipboard } = withProgram(t, 'if [ $2 = --input ]; then cat >$HOME/held; else cat $HOME/held; fi')
  for (const text of ['é 😀\nsecond line\n\n \x1b]52;c;ZXZpbA==\x07', 'x'.repeat(limits.clipboardBytesMax)]) {
    await clipboard.write(text)
    t.equal(await clipboard.read(), text)
  }
})

test('without a display there is no clipboard, said within a second', async (t) => {
  const clipboard = createClipboard({ ...place(), environment: { PATH: process.env['PATH'] } })
  const before = performance.now()
  await t.rejects(clipboard.read(), { code: 'clipboard.unavailable', message: /without a display/ })
  await t.rejects(clipboard.write('x'), { code: 'clipboard.unavailable' })
  t.ok(performance.now() - before < 1_000)
})

test('a display that does not answer or a program that fails is unavailable too', async (t) => {
  const nobody = createClipboard({ ...place(), environment: { PATH: '/nowhere', HOME: '/', DISPLAY: ':97' } })
  await t.rejects(nobody.read(), { code: 'clipboard.unavailable' })
})

test('a program that hangs is ended after two seconds', async (t) => {
  const { clipboard, home, groups } = withProgram(t, 'echo $$ >$HOME/pid; exec sleep 600')
  const before = performance.now()
  await t.rejects(clipboard.write('x'), { code: 'clipboard.unavailable', message: /in time/ })
  const took = performance.now() - before
  t.ok(took >= 1_900 && took < limits.clipboardStartMsMax + 3_000, `took ${took} ms`)
  t.notOk(isAlive(Number(readFileSync(join(home, 'pid'), 'utf8'))))
  t.same(groups.list(), [])
})

test('a cancelled call ends at once', async (t) => {
  const controller = new AbortController()
  const { clipboard } = withProgram(t, 'exec sleep 600', controller.signal)
  const reading = clipboard.read()
  controller.abort(new Failure('client.cancelled', 'Cancelled.'))
  await t.rejects(reading, { code: 'client.cancelled' })
  await t.rejects(clipboard.read(), { code: 'client.cancelled' })
})

test('too much is refused in both directions, and so is what is no text', async (t) => {
  const { clipboard, home } = withProgram(t, 'touch $HOME/ran; head -c 3000000 /dev/zero | tr "\\\\0" a')
  await t.rejects(clipboard.write('é'.repeat(limits.clipboardBytesMax / 2 + 1)), { code: 'tool.bad_arguments' })
  await t.rejects(clipboard.write('a\0b'), { code: 'tool.bad_arguments' })
  t.notOk(existsSync(join(home, 'ran')))
  await t.rejects(clipboard.read(), { code: 'clipboard.unavailable', message: /more than 1048576 bytes/ })
  const binary = withProgram(t, 'printf "a\\\\000b"')
  await t.rejects(binary.clipboard.read(), { code: 'clipboard.unavailable', message: /no text/ })
})

test('the programs behind the clipboard know nothing of what codegend knows', async (t) => {
  const { clipboard } = withProgram(t, 'env')
  t.notMatch(await clipboard.read(), /canary/)
})

function place() {
  return { toolId: 'tool-1', signal: new AbortController().signal, groups: createProcessGroups() }
}

/** A clipboard whose program is this shell script, in a folder of its own. */
function withProgram(t: Test, script: string, signal = new AbortController().signal) {
  const home = mkdtempSync(join(tmpdir(), 'codegen-clipboard-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  writeFileSync(join(home, 'xsel'), `#!/bin/sh\n${script}\n`)
  chmodSync(join(home, 'xsel'), 0o755)
  const groups = createProcessGroups()
  const environment = { PATH: `${home}:${process.env['PATH']}`, HOME: home, DISPLAY: ':97', OPENAI_API_KEY: 'canary' }
  return { home, groups, clipboard: createClipboard({ toolId: 'tool-1', signal, groups, environment }) }
}
