import { execFile } from 'node:child_process'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import tap, { before, test } from 'tap'
import { createSystem, programPath, run } from '#support/system'
import type { Ended, System } from '#support/system'
import { startOnTerminal } from '#support/terminal'

tap.setTimeout(300_000)
let system: System

before(async () => {
  system = await createSystem(tap, {
    env: { NO_COLOR: '1' },
    files: { 'src/a.js': '// TODO: say hello\n' },
    scenario: {
      conversations: [
        {
          name: 'open tasks',
          when: 'what is open',
          steps: [
            { calls: [{ tool: 'TodoTasks', arguments: { folder: 'src' } }] },
            { expect: [{ contains: 'open: src/a.js:1: // TODO: say hello' }], text: 'Say hello: that is open.' },
          ],
        },
      ],
    },
  })
})

const create = (...words: string[]): Promise<Ended> => system.codegen(['plugins', 'new', ...words])
const inProject = (...names: string[]): string => join(system.project, ...names)
const edit = async (file: string, from: string, to: string): Promise<void> =>
  writeFile(file, (await readFile(file, 'utf8')).replace(from, to))

/** What an editor would say of it, and its own tests, with nothing installed. */
async function works(folder: string, config: string): Promise<{ tests: Ended; types: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const tests = await run(['--test'], { cwd: folder, env })
  const types = await promisify(execFile)(programPath('node_modules', '.bin', 'tsc'), ['-p', config], {
    cwd: folder,
  }).then(
    ({ stdout }) => stdout,
    (error: unknown) => String(error instanceof Error && 'stdout' in error ? error.stdout : error),
  )
  return { tests, types }
}

test('what is written works at once: its tests pass and its types are found, in both languages', async (t) => {
  t.match(await create('todo'), { code: 0, stdout: /todo is written to .*TodoTasks.*codegen plugins dev todo/s })
  t.match(await works(inProject('todo'), 'tsconfig.json'), { tests: { code: 0, stdout: /pass 2\n/ }, types: '' })
  t.match(await create('in-javascript', 'js', '--javascript'), { code: 0 })
  t.match(await works(inProject('js'), 'jsconfig.json'), { tests: { code: 0, stdout: /pass 2\n/ }, types: '' })
  await edit(inProject('js', 'plugin.js'), 'String(folder)', 'folder')
  t.match((await works(inProject('js'), 'jsconfig.json')).types, /plugin\.js.*error TS/)
})

test('a name that is none, a folder that is there and a place that cannot be are told, and nothing is left', async (t) => {
  t.match(await create('My Plugin'), { code: 2, stderr: /is no name for a plugin.*such as my-plugin/ })
  t.match(await create('todo'), {
    code: 2,
    stderr: /todo is there already and not empty.*codegen plugins new todo DIR/,
  })
  t.match(await create('other', '/proc/none'), { code: 2, stderr: /\/proc\/none cannot be made/ })
  t.same((await readdir(system.project)).toSorted(), ['.git', 'js', 'src', 'todo'])
})

test('from plugins dev to a model that calls the tool, with each save a version, until Ctrl-C', async (t) => {
  const dev = startOnTerminal(t, system, ['plugins', 'dev', 'todo'])
  await dev.saw(/todo 0\.1\.0.* in .*\/todo[^]*may now +reads workspace[^]*serves: TodoTasks/)
  const file = inProject('todo', 'plugin.ts')
  await edit(file, '`${path}:', '`open: ${path}:')
  await dev.saw(/serves: TodoTasks[^]*serves: TodoTasks/)
  const called = await system.codegen(['tools', 'call', 'TodoTasks', '{"folder": "src"}', '--auto'])
  t.match(called, { code: 0, stdout: /^marked lines: 1, files: 1\nopen: src\/a\.js:1: \/\/ TODO: say hello\n$/ })
  await dev.saw(/▶ TodoTasks {"folder":"src"}[^]*│ marked lines: 1, files: 1[^]*returned after[^]*open: src\/a\.js:1/)
  const wrong = await system.codegen(['tools', 'call', 'TodoTasks', '{"folders": "src"}', '--auto'])
  t.match(wrong, { code: 2, stderr: /"folders" is none it knows\. TodoTasks takes folder \(string, optional\)/ })
  t.match((await system.codegen(['--auto', 'what is open'])).stdout, /Say hello: that is open\./)

  await edit(file, 'const found', 'const found found')
  await dev.saw(/broken: plugin\.ts:\d+: SyntaxError[^]*still serves/)
  t.match((await system.codegen(['plugins'])).stdout, /broken \(dev\) +TodoTasks[^]*todo: plugin\.ts:\d+: SyntaxError/)
  await edit(file, 'const found found', 'const found')
  await dev.saw(/still serves[^]*serves: TodoTasks/)

  await edit(inProject('todo', 'package.json'), '"read"', '"exec": true, "read"')
  await dev.saw(/todo asks for something else now: .*runs commands.* May it\?[^]*n no/)
  dev.type('y')
  await dev.saw(/yes\r?\n[^]*serves: TodoTasks/)
  dev.type('\x03')
  t.equal(await dev.ended, 0)
  t.match(dev.printed(), /the plugin is served no more/)
  t.match(await system.codegen(['tools', 'call', 'TodoTasks', '{}', '--auto']), {
    code: 2,
    stderr: /no tool TodoTasks/,
  })
})

test('a codegend that is restarted serves it again, without a question, and a client that dies takes it along', async (t) => {
  const dev = startOnTerminal(t, system, ['plugins', 'dev', 'todo'])
  await dev.saw(/serves: TodoTasks/)
  t.match(await system.codegen(['daemon', 'restart']), { code: 0 })
  await dev.saw(/codegend has left[^]*serves: TodoTasks/)
  t.notMatch(dev.printed(), /something else/)
  t.match((await system.codegen(['plugins', 'dev', 'todo'])).stderr, /in another terminal already/)
  dev.child.kill('SIGKILL')
  await dev.ended
  const listed = async (): Promise<string> => (await system.codegen(['plugins'])).stdout
  while (/todo/.test(await listed())) continue
  t.match(await create('todo', 'elsewhere'), { code: 0 })
})
