import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import t, { test } from 'tap'
import { layers } from '../layers.ts'
import { copyProject } from './support/project-copy.ts'

t.setTimeout(120_000)

/** What the check must refuse: one file, and the rule that says so. */
type Seed = { title: string; file: string; text: string; rule: string; message?: RegExp }

const seeds: Seed[] = [
  {
    title: 'an upward import',
    file: 'maestro/src/runs/seeded-upward.ts',
    text: "export { target } from '#http/seeded-target'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /layers\.ts: from here only/,
  },
  {
    title: 'an upward type import',
    file: 'maestro/src/runs/seeded-upward-type.ts',
    text: "import type { Target } from '#http/seeded-target'\nexport const two: Target = 2\n",
    rule: 'eslint(no-restricted-imports)',
    message: /layers\.ts: from here only/,
  },
  {
    title: 'an upward import at run time',
    file: 'maestro/src/runs/seeded-upward-later.ts',
    text: "export const later = () => import('#http/seeded-target')\n",
    rule: 'eslint(no-restricted-imports)',
    message: /layers\.ts: from here only/,
  },
  {
    title: 'an upward import in a type',
    file: 'maestro/src/runs/seeded-upward-inline.ts',
    text: "export const three: import('#http/seeded-target').Target = 3\n",
    rule: 'typescript(consistent-type-imports)',
  },
  {
    title: 'a leaf that imports a folder',
    file: 'maestro/src/metrics.ts',
    text: "export { target } from '#http/seeded-target'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /layers\.ts: from here only/,
  },
  {
    title: 'a folder that imports an entry',
    file: 'daemon/src/journal/seeded-entry.ts',
    text: "export type Main = typeof import('#main')\nexport * as main from '#main'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /layers\.ts: from here only/,
  },
  {
    title: 'another package than the table allows',
    file: 'maestro/src/runs/seeded-package.ts',
    text: "import type { Tool } from '@codegen/kit'\nexport const tools: Tool[] = []\n",
    rule: 'eslint(no-restricted-imports)',
    message: /layers\.ts: maestro may import protocol, tracing\./,
  },
  {
    title: 'a plugin imported elsewhere than in built-in.ts',
    file: 'daemon/src/plugins/seeded-plugin.ts',
    text: "import shell from '@codegen/plugin-shell'\nexport const plugins = [shell]\n",
    rule: 'eslint(no-restricted-imports)',
    message: /layers\.ts: daemon may import/,
  },
  {
    title: 'a library outside the folder of its technology',
    file: 'maestro/src/http/seeded-library.ts',
    text: "import { Pool } from 'pg'\nexport const pool = new Pool()\n",
    rule: 'eslint(no-restricted-imports)',
    message: /another folder of this package has this library/,
  },
  {
    title: 'a schema in the CLI',
    file: 'cli/src/render/seeded-schema.ts',
    text: "export { RunTool } from '@codegen/protocol/wire'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /as types alone/,
  },
  {
    title: 'a part of Node in the protocol',
    file: 'protocol/src/wire/seeded-node.ts',
    text: "export { hostname } from 'node:os'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /nothing of Node/,
  },
  ...['node:fs', 'node:fs/promises', 'fs', 'node:child_process', 'node:http', 'execa', 'undici'].map(
    (module, index) => ({
      title: `a built-in that imports ${module}`,
      file: `plugins/shell/src/seeded-hands-${index}.ts`,
      text: `import * as hands from '${module}'\nexport const all = hands\n`,
      rule: 'eslint(no-restricted-imports)',
      message: /through its context/,
    }),
  ),
  {
    title: 'a built-in that uses the global fetch',
    file: 'plugins/read-file/src/seeded-fetch.ts',
    text: "export const page = () => fetch('https://example.com')\n",
    rule: 'eslint(no-restricted-globals)',
  },
  {
    title: 'a part for tests in the product',
    file: 'maestro/src/http/seeded-fake.ts',
    text: "export { target } from './fake-target.ts'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /for tests alone/,
  },
  {
    title: 'a folder entered by its path',
    file: 'maestro/src/seeded-entry.ts',
    text: "export { target } from './http/seeded-target.ts'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /Enter a folder by name/,
  },
  {
    title: 'a ../ import',
    file: 'maestro/src/http/seeded-parent.ts',
    text: "export { runs } from '../runs/seeded-circle-one.ts'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /Leave a folder by name/,
  },
  {
    title: 'an extension after a name',
    file: 'maestro/src/http/seeded-extension.ts',
    text: "export { runs } from '#runs/seeded-circle-one.ts'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /A name carries no extension/,
  },
  {
    title: 'a file of the build',
    file: 'maestro/src/http/seeded-javascript.ts',
    text: "export { target } from './seeded-target.js'\n",
    rule: 'eslint(no-restricted-imports)',
    message: /Name the source file/,
  },
  {
    title: 'a circle',
    file: 'maestro/src/runs/seeded-circle-one.ts',
    text: "import { two } from './seeded-circle-two.ts'\nexport const runs = () => two\n",
    rule: 'import(no-cycle)',
  },
  {
    title: 'a circle of types, by name',
    file: 'maestro/src/runs/seeded-circle-two.ts',
    text: "import type { runs } from '#runs/seeded-circle-one'\nexport const two: ReturnType<typeof runs> = 2\n",
    rule: 'import(no-cycle)',
  },
  {
    title: 'a floating promise',
    file: 'maestro/src/runs/seeded-floating.ts',
    text: 'export function start(work: () => Promise<void>): void {\n  work()\n}\n',
    rule: 'typescript(no-floating-promises)',
  },
  {
    title: 'a promise given up with void',
    file: 'maestro/src/runs/seeded-void.ts',
    text: 'export function start(work: () => Promise<void>): void {\n  void work()\n}\n',
    rule: 'typescript(no-floating-promises)',
  },
  {
    title: 'a promise where nobody waits for one',
    file: 'maestro/src/runs/seeded-misused.ts',
    text: 'export function all(works: (() => Promise<void>)[]): void {\n  works.forEach(async (work) => {\n    await work()\n  })\n}\n',
    rule: 'typescript(no-misused-promises)',
  },
  {
    title: 'any',
    file: 'maestro/src/runs/seeded-any.ts',
    text: 'export const some = (value: any): unknown => value\n',
    rule: 'typescript(no-explicit-any)',
  },
  {
    title: 'an any from outside that is used unparsed',
    file: 'maestro/src/runs/seeded-unparsed.ts',
    text: 'export const some = (text: string): string => JSON.parse(text)\n',
    rule: 'typescript(no-unsafe-return)',
  },
  {
    title: 'an assertion of a type',
    file: 'maestro/src/runs/seeded-as.ts',
    text: 'export const some = (value: unknown): string => value as string\n',
    rule: 'typescript(consistent-type-assertions)',
  },
  {
    title: 'an assertion that something is there',
    file: 'maestro/src/runs/seeded-bang.ts',
    text: 'export const some = (value: string | undefined): string => value!\n',
    rule: 'typescript(no-non-null-assertion)',
  },
  {
    title: 'a default export',
    file: 'maestro/src/runs/seeded-default.ts',
    text: 'export default 1\n',
    rule: 'import(no-default-export)',
  },
  {
    title: 'export *',
    file: 'maestro/src/http/seeded-star.ts',
    text: "export * from './seeded-target.ts'\n",
    rule: 'oxc(no-barrel-file)',
  },
  {
    title: 'a kind that a switch forgets',
    file: 'maestro/src/runs/seeded-switch.ts',
    text: "export function show(kind: 'a' | 'b'): void {\n  switch (kind) {\n    case 'a':\n      show('b')\n  }\n}\n",
    rule: 'typescript(switch-exhaustiveness-check)',
  },
  {
    title: 'a fourth parameter',
    file: 'maestro/src/runs/seeded-parameters.ts',
    text: 'export const sum = (a: number, b: number, c: number, d: number): number => a + b + c + d\n',
    rule: 'eslint(max-params)',
  },
  {
    title: 'a function of 61 lines',
    file: 'maestro/src/runs/seeded-function.ts',
    text: `export function long(): number {\n${'  long()\n'.repeat(58)}  return 1\n}\n`.replace('{\n', '{\n  long()\n'),
    rule: 'eslint(max-lines-per-function)',
  },
  {
    title: 'a file of 301 lines',
    file: 'maestro/src/runs/seeded-file.ts',
    text: '// One line.\n'.repeat(301),
    rule: 'eslint(max-lines)',
  },
  {
    title: 'something left to do',
    file: 'maestro/src/runs/seeded-later.ts',
    text: '// TODO: the rest\nexport const half = 1\n',
    rule: 'eslint(no-warning-comments)',
  },
  {
    title: 'a line on the console of a server',
    file: 'maestro/src/runs/seeded-console.ts',
    text: "export const say = () => console.log('hello')\n",
    rule: 'eslint(no-console)',
  },
]

test('the tree as it is passes the linter and the dead-code check', async (t) => {
  const project = await copyProject(t)
  const [lint, dead] = await Promise.all([project.run('oxlint'), project.run('knip', '--no-config-hints')])
  t.equal(lint.stdout.trim().split('\n').at(0), 'Found 0 warnings and 0 errors.')
  t.equal(lint.code, 0)
  t.equal(dead.stdout, '')
  t.equal(dead.code, 0)
})

test('the check fails when one of its four fails, and shows what that one said', async (t) => {
  const bin = t.testdir()
  const programs = ['oxfmt', 'oxlint', 'tsc', 'knip']
  for (const failing of [undefined, ...programs]) {
    for (const program of programs) {
      const script = `#!/bin/sh\necho ${program} speaks\nexit ${program === failing ? 1 : 0}\n`
      await writeFile(join(bin, program), script, { mode: 0o755 })
    }
    const environment = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
    const { status, stdout } = spawnSync(process.execPath, ['check.ts'], {
      cwd: join(import.meta.dirname, '..'),
      env: environment,
      encoding: 'utf8',
    })
    t.equal(status, failing ? 1 : 0)
    t.same(stdout.match(/\w+ speaks/g), failing ? [`${failing} speaks`] : null)
  }
})

test('each violation is reported by the rule that is there for it', async (t) => {
  const project = await copyProject(t)
  await project.write('maestro/src/http/seeded-target.ts', 'export const target = 1\nexport type Target = number\n')
  for (const seed of seeds) await project.write(seed.file, seed.text)
  const { code, stdout } = await project.run('oxlint', '--format=json')
  const found: { filename: string; code?: string; help?: string }[] = JSON.parse(stdout).diagnostics

  t.not(code, 0)
  for (const { title, file, rule, message } of seeds) {
    const fits = found.some(
      (one) => one.filename === file && one.code === rule && (message?.test(one.help ?? '') ?? true),
    )
    t.ok(fits, title, { wanted: { rule, message }, found: found.filter((one) => one.filename === file) })
  }
  t.notOk(
    found.find((one) => one.filename.endsWith('seeded-target.ts')),
    'what is right beside them is not reported',
  )
})

test('dead code is reported: an export, a type, a file and a library that nobody uses', async (t) => {
  const project = await copyProject(t)
  await project.write(
    'maestro/src/runs/seeded-used.ts',
    'export const used = 1\nexport const unused = 2\nexport type Unused = 1\n',
  )
  await project.write(
    'maestro/src/runs/seeded.test.ts',
    "import { used } from '#runs/seeded-used'\nprocess.exitCode = used - 1\n",
  )
  await project.write('maestro/src/runs/seeded-alone.ts', 'export const alone = 1\n')
  await project.write('maestro/src/runs/seeded-unlisted.test.ts', "import 'left-pad'\n")
  const { code, stdout } = await project.run('knip', '--reporter=json', '--no-config-hints')
  const issues: { file: string; exports: Named[]; types: Named[]; files: Named[]; unlisted: Named[] }[] =
    JSON.parse(stdout).issues
  const of = (file: string) => issues.find((issue) => issue.file === `maestro/src/runs/${file}`)

  t.not(code, 0)
  t.match(of('seeded-used.ts'), { exports: [{ name: 'unused' }], types: [{ name: 'Unused' }] })
  t.equal(of('seeded-used.ts')?.exports.length, 1)
  t.match(of('seeded-alone.ts'), { files: [{ name: 'maestro/src/runs/seeded-alone.ts' }] })
  t.match(of('seeded-unlisted.test.ts'), { unlisted: [{ name: 'left-pad' }] })
})

test('a folder that the table does not name stops the linter', async (t) => {
  const project = await copyProject(t)
  await project.write('maestro/src/helpers/seeded.ts', 'export const seeded = 1\n')
  const { code, stdout, stderr } = await project.run('oxlint')
  t.not(code, 0)
  t.match(stdout + stderr, 'layers.ts does not say what maestro/src/helpers/ may import')
})

test('the table itself has no circle', (t) => {
  for (const [name, layer] of Object.entries(layers)) {
    const above = (folder: string, path: string[]): void => {
      const circle = path.includes(folder)
      t.notOk(circle, `${name}: ${[...path, folder].join(' -> ')}`)
      if (circle) return
      for (const other of layer.folders[folder] ?? []) above(other, [...path, folder])
    }
    for (const folder of Object.keys(layer.folders)) above(folder, [])
  }
  t.end()
})

test('tests run on the Node the product runs on', (t) => {
  t.match(process.version, /^v24\./)
  t.end()
})

type Named = { name: string }
