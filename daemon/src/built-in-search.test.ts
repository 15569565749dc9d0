import { mkdirSync, mkdtempSync, realpathSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createHarness } from '@codegen/kit/harness'
import type { Tool } from '@codegen/kit'
import { test } from 'tap'
import type { Test } from 'tap'
import { createProcessGroups } from '#hands/process-group'
import { createSearch } from '#hands/search'
import { builtInPlugins } from './built-in.ts'

const plugins = await Promise.all(builtInPlugins.map((plugin) => plugin.load()))

test('Glob names files newest first and says how many there are', async (t) => {
  const { call } = project(t, { 'old.ts': '', 'src/new.ts': '', 'a.js': '' })
  t.equal(await call.glob({ pattern: '*.ts' }), '2 files, newest first.\nsrc/new.ts\nold.ts')
  t.equal(await call.glob({ pattern: '*.ts', dir_path: 'src' }), '1 file, newest first.\nsrc/new.ts')
  t.match(await call.glob({ pattern: '*.py' }), /^No file in \. fits/)
})

test('Glob shows 200 files at most, says so, and keeps strange names on their line', async (t) => {
  const many = Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`d/${index}.txt`, '']))
  const { call, run } = project(t, { ...many, 'line\nbreak.md': '' })
  const { text, truncated } = await run('Glob', { pattern: 'd/*' })
  t.match(text, /^The 200 newest of 250 files; narrow/)
  t.match([text.split('\n').length, truncated], [201, true])
  t.match(await call.glob({ pattern: '*.md' }), /\n"line\\nbreak\.md"$/)
})

test('Grep shows lines under their file, what is around them, and where lines are left out', async (t) => {
  const { call } = project(t, { 'a.txt': 'x1\n2\n3\n4\n5\nx6\n', 'b/c.txt': 'x\n' })
  t.equal(await call.grep({ pattern: 'x' }), '3 matching lines in 2 files.\na.txt\n1:x1\n6:x6\nb/c.txt\n1:x')
  const around = await call.grep({ pattern: 'x', dir_path: 'a.txt', context: 1 })
  t.equal(around, '2 matching lines in 1 file.\na.txt\n1:x1\n2-2\n--\n5-5\n6:x6')
  t.equal(await call.grep({ pattern: 'x', glob: 'b/**' }), '1 matching line in 1 file.\nb/c.txt\n1:x')
  t.equal(await call.grep({ pattern: '(?i)X6' }), '1 matching line in 1 file.\na.txt\n6:x6')
  t.equal(await call.grep({ pattern: 'y', dir_path: 'b' }), 'No line in b matches.')
})

test('Grep says when there is more than it shows', async (t) => {
  const { call, run } = project(t, { 'a.txt': 'x\n'.repeat(500) })
  const { text, truncated } = await run('Grep', { pattern: 'x' })
  t.match(text, /^The first 100 matching lines in 1 file; there are more\.\n(.*\n)*\[More lines match\./)
  t.match([text.split('\n').length, truncated], [103, true])
  t.match(await call.grep({ pattern: 'x', max_results: 3 }), /^The first 3 matching lines/)
  t.match(await call.grep({ pattern: 'x', max_results: 500 }), /^500 matching lines in 1 file\.\n/)
})

test('a search whose time is up shows what it found and says that there may be more', async (t) => {
  const { root, search } = project(t, { 'a.txt': 'x\n' })
  const event = (type: string, data: object) => JSON.stringify({ type, data })
  const path = { text: './a.txt' }
  const printed = [
    event('begin', { path }),
    event('match', { path, lines: { text: 'x\n' }, line_number: 1, submatches: [{ start: 0, end: 1 }] }),
  ]
  const program = join(root, 'rg')
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' '${printed.join("' '")}'\nexec sleep 600\n`, { mode: 0o755 })
  const slow = search({ program, msMax: 300 })
  const harness = createHarness({ search: slow, cwd: root, workspaceRoot: root })
  const { text } = await harness.run(toolOf('Grep'), { pattern: 'x' })
  t.match(text, /^The first 1 matching line in 1 file; .*\na\.txt\n1:x\n\[The search was ended for taking too long/)
  await t.rejects(harness.run(toolOf('Glob'), { pattern: '*' }), { code: 'tool.timeout', message: /Name a folder/ })
})

function toolOf(name: string): Tool {
  const found = plugins.flatMap((plugin) => plugin.default.tools).find((tool) => tool.name === name)
  if (!found) throw new Error(`No built-in is named ${name}.`)
  return found
}

function project(t: Test, tree: Record<string, string>) {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'built-in-search-')))
  t.teardown(() => rmSync(root, { recursive: true, force: true }))
  for (const [index, [path, content]] of Object.entries(tree).entries()) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), content)
    utimesSync(join(root, path), 1_000 + index, 1_000 + index)
  }
  const place = {
    root,
    cwd: root,
    toolId: 'tool-1',
    signal: new AbortController().signal,
    groups: createProcessGroups(),
  }
  const search = (how: { program: string; msMax: number }) =>
    createSearch({ ...place, findProgram: () => Promise.resolve(how.program), msMax: how.msMax })
  const harness = createHarness({ search: createSearch(place), cwd: root, workspaceRoot: root })
  const run = (name: string, parameters: Record<string, unknown>) => harness.run(toolOf(name), parameters)
  const text = (name: string) => async (parameters: Record<string, unknown>) => (await run(name, parameters)).text
  return { root, search, run, call: { glob: text('Glob'), grep: text('Grep') } }
}
