import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Spawn, Tool } from '@codegen/kit'
import { createHarness } from '@codegen/kit/harness'
import type { Harness } from '@codegen/kit/harness'
import { Failure } from '@codegen/protocol/failure'
import { test } from 'tap'
import type { Test } from 'tap'
import { isAlive, createWorkshop } from '#hands/test-spawn'
import type { Workshop, WorkshopOptions } from '#hands/test-spawn'
import { builtInPlugins } from './built-in.ts'

test('a command answers with how it ended and what it printed', async (t) => {
  const { call } = await createShell(t)
  const { text, ...rest } = await call({ command: 'echo out; echo err >&2' })
  t.match(text, /^Exit code 0 after \d+ ms, 8 bytes of output\.\nout\nerr\n$/)
  t.same(rest, { isError: false, structured: { exit_code: 0 } })
  t.match((await call({ command: 'true' })).text, /^Exit code 0 after \d+ ms, no output\.\n$/)
  t.match(
    (await call({ command: 'printf "\\000\\007"' })).text,
    /2 bytes of output\.\n\[nothing but control characters\]$/,
  )
})

test('any other exit code and any signal is an error that says which', async (t) => {
  const { call } = await createShell(t)
  t.match(await call({ command: 'echo no; exit 7' }), {
    isError: true,
    text: /^Exit code 7 .*\nno\n$/,
    structured: { exit_code: 7 },
  })
  t.match(await call({ command: 'grep nothing /dev/null' }), { isError: true, text: /^Exit code 1 / })
  t.match(await call({ command: 'kill -9 $$' }), { isError: true, text: /^Ended by signal SIGKILL / })
  t.match(await call({ command: 'no-such-command' }), {
    isError: true,
    text: /^Exit code 127 .*\n.*(not found|Permission denied)/,
  })
})

test('a command over its limit is a timeout that shows what it had printed', async (t) => {
  const { call } = await createShell(t)
  const { status, text, isError } = await call({ command: 'echo $$; sleep 999', timeout_ms: 1_000 })
  t.equal(status, 'timeout')
  t.equal(isError, undefined)
  t.match(text, /^Timed out: not done within 1\.0 s, so it was killed after 1\.\d s, \d+ bytes of output\.\n\d+\n$/)
  t.notOk(isAlive(Number(text.split('\n')[1])))
})

test('a cancelled command says so and shows what it had printed', async (t) => {
  const controller = new AbortController()
  const { call } = await createShell(t, { signal: controller.signal }, (spawn) => (command, options) => {
    const onOutput = () => controller.abort(new Failure('client.cancelled', 'Cancelled.'))
    return spawn(command, { ...options, onOutput })
  })
  const { status, text } = await call({ command: 'echo begun; sleep 999' })
  t.equal(status, 'cancelled')
  t.match(text, /^Cancelled: killed after .*\nbegun\n$/)
})

test('without a limit of its own a command gets two minutes, and never more than ten', async (t) => {
  const given: number[] = []
  const { call } = await createShell(t, {}, (spawn) => (command, options) => {
    given.push(options.timeoutMs)
    return spawn(command, options)
  })
  await call({ command: 'true' })
  await call({ command: 'true', timeout_ms: 5_000 })
  await call({ command: 'true', timeout_ms: 9_999_999 })
  t.same(given, [120_000, 5_000, 600_000])
})

test('long output is cut in the middle, with how much and where all of it is', async (t) => {
  const { call } = await createShell(t)
  const result = await call({ command: 'seq 1 100000' })
  t.ok(result.text.length > 29_000 && result.text.length < 31_000)
  t.match(result, { truncated: true, bytesTotal: 588_895 })
  const [, cut, path] = /\n\[([\d,]+) bytes cut here; the whole output is in (\S+)\]\n/.exec(result.text) ?? []
  const shown = result.text.replace(/^.*\n/, '').replace(/\[.*\]\n/, '')
  t.equal(shown.length + Number(cut?.replaceAll(',', '')), 588_895)
  t.match(shown, /^1\n2\n[\s\S]*\n99999\n100000\n$/)
  t.match((await call({ command: `wc -c <${path}` })).text, /\n588895\n$/, 'the next command can read it')
})

test('output is shown while the command runs', async (t) => {
  const { call, harness } = await createShell(t)
  await call({ command: 'echo one; sleep 0.1; echo two >&2' })
  t.same(harness.outputs, [
    { chunk: 'one\n', stream: 'stdout' },
    { chunk: 'two\n', stream: 'stderr' },
  ])
})

test('a command runs in the folder it names, inside the project only', async (t) => {
  const { call, workshop } = await createShell(t)
  mkdirSync(join(workshop.root, 'sub'))
  t.match((await call({ command: 'pwd', cwd: 'sub' })).text, `\n${workshop.root}/sub\n`)
  await t.rejects(call({ command: 'pwd', cwd: '..' }), { code: 'file.outside_workspace' })
  await t.rejects(call({ command: 'echo a\0b' }), { code: 'tool.bad_arguments' })
})

test('the owner is shown the whole command, and where it runs', async (t) => {
  const { harness, tool } = await createShell(t)
  t.same(await tool.preview?.({ command: 'rm -r x\n# y' }, harness.context), { command: 'rm -r x\n# y' })
  t.same(await tool.preview?.({ command: 'ls', cwd: 'a\nb' }, harness.context), { command: 'ls\n(in "a\\nb")' })
})

type ShellUnderTest = {
  workshop: Workshop
  harness: Harness
  tool: Tool
  call(parameters: Record<string, unknown>): ReturnType<Harness['run']>
}

/** The Shell tool on real processes. */
async function createShell(
  t: Test,
  options: WorkshopOptions = {},
  around: (spawn: Spawn) => Spawn = (spawn) => spawn,
): Promise<ShellUnderTest> {
  const workshop = createWorkshop(t, options)
  const { root } = workshop
  const harness = createHarness({ spawn: around(workshop.spawn), cwd: root, workspaceRoot: root })
  const plugin = await builtInPlugins.find(({ name }) => name === 'shell')?.load()
  const tool = plugin?.default.tools[0]
  if (!tool) throw new Error('There is no Shell.')
  return { workshop, harness, tool, call: (parameters) => harness.run(tool, parameters) }
}
