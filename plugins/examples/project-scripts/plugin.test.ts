import type { ToolContext } from './kit/context.ts'
import { createHarness } from './kit/harness.ts'
import { assert, test } from './kit/testing.js'
import { projectScripts, runScript } from './plugin.ts'
import { toCommand } from './scripts.ts'

/** A harness of a project with this package.json and these other files, whose commands end so. */
function harnessWith(manifest: unknown, { others = [''], code = 0 } = {}) {
  const commands: string[] = []
  const { files } = createHarness().context
  const found: ToolContext['files'] = {
    ...files,
    async read(path) {
      return { path, bytes: new TextEncoder().encode(JSON.stringify(manifest)), digest: 'd' }
    },
    async stat(path) {
      const isThere = others.includes(path.replace('./', ''))
      return isThere ? { path, kind: 'file', size: 1, modifiedMs: 0, mode: 0o644 } : undefined
    },
  }
  const spawn: ToolContext['spawn'] = async (command, { onOutput }) => {
    commands.push(command)
    onOutput?.('one line\n', 'stdout')
    const printed = { head: 'one line\n', tail: '', bytesTotal: 9, bytesCut: 0 }
    return { ...printed, end: { kind: 'exited', code }, durationMs: 5, outputPath: undefined, outputPathBytes: 0 }
  }
  return { harness: createHarness({ files: found, spawn }), commands }
}

const scripts = { test: 'node --test', build: 'tsc' }

test('lists the scripts and who runs them', async () => {
  const { harness } = harnessWith({ scripts }, { others: ['pnpm-lock.yaml'] })
  assert.equal((await harness.run(projectScripts, {})).text, 'Run by pnpm:\ntest: node --test\nbuild: tsc')
  assert.match((await harnessWith({}).harness.run(projectScripts, {})).text, /has no scripts/)
})

test('runs a script, shows what it prints and tells how it ended', async () => {
  const { harness, commands } = harnessWith({ scripts })
  const good = await harness.run(runScript, { name: 'test' })
  assert.equal(good.text, 'one line\n')
  assert.deepEqual(commands, ['npm run test'])
  assert.deepEqual(harness.outputs, [{ chunk: 'one line\n', stream: 'stdout' }])
  const bad = await harnessWith({ scripts }, { code: 3 }).harness.run(runScript, { name: 'test' })
  assert.equal(bad.isError, true)
  assert.match(bad.text, /ended with exit code 3/)
})

test('runs nothing that is no script of the project', async () => {
  const { harness, commands } = harnessWith({ scripts })
  const { text } = await harness.run(runScript, { name: 'test; rm -rf .' })
  assert.match(text, /There is no script .*There are: test, build\./)
  assert.deepEqual(commands, [])
})

test('arguments stay words', () => {
  assert.equal(toCommand('npm', 'test', ["it's; $(x)", '-v']), `npm run test -- 'it'\\''s; $(x)' -v`)
  assert.equal(toCommand('yarn', 'a b', ['x']), `yarn run 'a b' x`)
})
