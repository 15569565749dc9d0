import { chmod, cp, mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import tap, { before, test } from 'tap'
import { createSystem } from '../../../e2e/support/system.ts'
import type { System } from '../../../e2e/support/system.ts'
import { watchStarted } from '../../../e2e/support/terminal.ts'

tap.setTimeout(180_000)
let system: System

const files = {
  'a.js': 'const a = 1 // TODO: name it well\n',
  'lib/b.py': '# FIXME it fails at night\nprint()\n# todo is no word of ours\n',
  'lib/c.html': '<p></p>\n<!-- XXX close it -->\n',
  'lib/d.bin': '// TODO \0',
  '.gitignore': 'made/\n',
  'made/e.js': '// TODO not ours\n',
}

before(async () => {
  const nobody = { CODEGEN_MAESTRO_URL: 'ws://127.0.0.1:1/v1/executor', CODEGEN_TOKEN: 'x' }
  system = await createSystem(tap, { scenario: { steps: [{ text: 'never' }] }, files, env: nobody })
  const half = join(system.home, 'half')
  await cp(import.meta.dirname, half, { recursive: true })
  await chmod(half, 0o700)
  for (const name of await readdir(half)) await chmod(join(half, name), 0o600)
  await mkdir(join(system.home, 'plugins'), { mode: 0o700 })
  await rename(half, join(system.home, 'plugins', 'todo-comments'))
  while (!(await system.codegen(['plugins'])).stdout.includes('todo-comments 1.0.0')) await delay(50)
  // Where bubblewrap is, it is held by a sandbox, and the option changes nothing.
  const allowed = await system.codegen(['plugins', 'allow', 'todo-comments', '--unconfined'])
  if (!allowed.stdout.includes('serves')) throw new Error(allowed.stdout + allowed.stderr)
})

const call = (parameters: object, ...more: string[]) =>
  system.codegen(['tools', 'call', 'TodoComments', JSON.stringify(parameters), '--auto', ...more])

test('the comments of a project are found with file and line, and shown as they are found', async (t) => {
  const { code, stdout } = await call({}, '--json')
  t.equal(code, 0, stdout)
  const events = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  const shown = events.filter(({ type }) => type === 'tool_output_delta').map(({ payload }) => payload.chunk)
  t.match(shown.join(''), /^a\.js: 1\nlib\/b\.py: 1\n/)
  const last = events.find(({ type }) => type === 'tool_result')?.payload
  t.match(last, { status: 'success', result: /3 comments in 3 of \d+ files\.$/ })
  t.match(last.structured.comments[2], { file: 'lib/c.html', line: 2, word: 'XXX', text: 'close it' })
})

test('other words, another folder, and what is refused', async (t) => {
  t.match(await call({ folder: 'lib', words: ['FIXME'] }), {
    code: 0,
    stdout: /^b\.py: 1\nb\.py:1: FIXME it fails at night\n1 comments in 1 of 3 files\.\n$/,
  })
  t.match(await call({ folder: '..' }), { code: 1, stderr: /leads out of the project/ })
  t.match(await call({ words: ['.*'] }), { code: /1|2/, stderr: /words/ })
})

test('a call that is cancelled ends, and the same process answers the next one', async (t) => {
  const many = join(system.project, 'many')
  await mkdir(many)
  const names = Array.from({ length: 5_000 }, (_, index) => join(many, `f${index}.js`))
  for (const name of names) await writeFile(name, '// TODO this one too\n')
  const words = ['tools', 'call', 'TodoComments', '{"folder":"many"}', '--auto']
  const running = watchStarted(t, system.startCodegen(words))
  await running.saw(/f\d+\.js: 1/)
  running.child.kill('SIGINT')
  t.equal(await running.ended, 130)
  t.match(await call({ folder: 'lib' }), { code: 0, stdout: /c\.html:2: XXX close it/ })
})
