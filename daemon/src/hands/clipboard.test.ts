import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { test } from 'tap'
import type { Test } from 'tap'
import { createClipboard } from '#hands/clipboard'
import { createProcessGroups } from '#hands/process-group'
import { limits } from '#limits'
import { startDisplay } from './test-display.ts'
import { isAlive } from './test-spawn.ts'

test('what is written to the clipboard is what is read from it', async (t) => {
  const { clipboard } = withProgram(t, 'if [ $2 = --input ]; then cat >$HOME/held; else cat $HOME/held; fi')
  for (const text of ['é 😀\nsecond line\n\n \x1b]52;c;ZXZpbA==\x07', 'x'.repeat(limits.clipboardBytesMax)]) {
    await clipboard.write(text)
    t.equal(await clipboard.read(), text)
  }
})

test('a real clipboard holds what was written, for other programs too, and gives what they put there', async (t) => {
  const environment = await startDisplay(t)
  if (!environment) return
  const clipboard = createClipboard({ ...place(), environment })
  const xsel = (how: string, input?: string | Uint8Array) =>
    execFileSync('xsel', ['--clipboard', how], { env: environment, input, maxBuffer: 2 ** 26, encoding: 'utf8' })
  t.equal(await clipboard.read(), '', 'nothing was copied yet')
  // What xsel passes on in several pieces may come short on a busy machine.
  for (const text of ['é 😀\nsecond line \x1b]52;c;ZXZpbA==\x07\n\n', 'x'.repeat(100_000)]) {
    await clipboard.write(text)
    t.equal(xsel('--output'), text, 'another program reads it when the one that wrote it has ended')
    t.equal(await clipboard.read(), text)
  }
  xsel('--input', 'from elsewhere\n')
  t.equal(await clipboard.read(), 'from elsewhere\n')
  xsel('--input', Buffer.alloc(50_000_000, 'a'))
  await t.rejects(clipboard.read(), { code: 'clipboard.unavailable' }, '50 MB (CB-03)')
  await clipboard.write('still works')
  t.equal(await clipboard.read(), 'still works')
})

test('without a display there is no clipboard, said within a second (CB-01)', async (t) => {
  const clipboard = createClipboard({ ...place(), environment: { PATH: process.env['PATH'] } })
  await t.rejects(clipboard.read(), { code: 'clipboard.unavailable', message: /without a display/ })
  await t.rejects(clipboard.write('x'), { code: 'clipboard.unavailable' })
})

test('a display that does not answer or a program that fails is unavailable too', async (t) => {
  const nobody = createClipboard({ ...place(), environment: { PATH: '/nowhere', HOME: '/', DISPLAY: ':97' } })
  await t.rejects(nobody.read(), { code: 'clipboard.unavailable' })
})

test('a program that hangs is ended after two seconds (CB-02)', async (t) => {
  const { clipboard, home, groups } = withProgram(t, 'echo $$ >$HOME/pid; exec sleep 600')
  await t.rejects(clipboard.write('x'), { code: 'clipboard.unavailable', message: /in time/ })
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

test('too much is refused in both directions, and so is what is no text (CB-03, CB-04)', async (t) => {
  const { clipboard, home } = withProgram(t, 'touch $HOME/ran; head -c 3000000 /dev/zero | tr "\\\\0" a')
  await t.rejects(clipboard.write('é'.repeat(limits.clipboardBytesMax / 2 + 1)), { code: 'tool.bad_arguments' })
  await t.rejects(clipboard.write('a\0b'), { code: 'tool.bad_arguments' })
  t.notOk(existsSync(join(home, 'ran')))
  await t.rejects(clipboard.read(), { code: 'clipboard.unavailable', message: /more than 1048576 bytes/ })
  const binary = withProgram(t, 'printf "a\\\\000b"')
  await t.rejects(binary.clipboard.read(), { code: 'clipboard.unavailable', message: /no text/ })
})

test('no terminal is ever made to hold a text for want of a clipboard (CB-06)', async (t) => {
  const { clipboard, home } = withProgram(t, 'exit 1')
  const written: string[] = []
  for (const stream of [process.stdout, process.stderr]) {
    const write = stream.write.bind(stream)
    t.teardown(() => (stream.write = write))
    stream.write = (chunk: string | Uint8Array) => written.push(String(chunk)) > 0
  }
  await t.rejects(clipboard.write('\x1b]52;c;ZXZpbA==\x07 untrusted'), { code: 'clipboard.unavailable' })
  t.notMatch(written.join(''), /untrusted/)
  t.same(readdirSync(home), ['xsel'])
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
