import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { builtInTools } from '@codegen/protocol/built-in'
import { test } from 'tap'
import type { Tool } from '@codegen/kit'
import { limits } from '#limits'
import { createForeignPlugins } from './foreign-plugins.ts'
import { createPluginHost } from './host.ts'
import type { BuiltInPlugin } from './host.ts'
import { openKeptCopies } from './kept-copies.ts'
import { outputFolder, pruneOutputFolders } from './output-folders.ts'

function pluginOf(names: readonly string[]): BuiltInPlugin {
  const tools = names.map((name): Tool => ({ name, description: '', parameters: {}, run: () => name }))
  return { name: names.join(), load: () => Promise.resolve({ default: { tools } }) }
}

const names = builtInTools.map(({ name }) => name)

test('tools are known before any plugin is loaded, and loaded once', async (t) => {
  let loads = 0
  const whole = pluginOf(names)
  const host = createPluginHost([{ ...whole, load: () => ((loads += 1), whole.load()) }])
  t.strictSame(host.toolNames, names)
  t.strictSame(
    host.list('/').map(({ name, source }) => `${name} ${source}`),
    names.map((name) => `${name} built-in`),
  )
  t.equal(loads, 0)
  await Promise.all([host.load(), host.load(), host.find('Shell', '/')])
  t.equal(loads, 1)
  t.equal((await host.find('Edit', '/')).tool.name, 'Edit')
  await t.rejects(host.find('Nope', '/'), { code: 'tool.unknown' })
})

test('only what reads or may be repeated runs again after a crash', (t) => {
  const host = createPluginHost([])
  t.strictSame(names.filter(host.isRepeatable), [
    'ReadFile',
    'WriteFile',
    'ReadFolder',
    'Glob',
    'Grep',
    'WebFetch',
    'Clipboard',
    'GetWorkingDirectory',
  ])
  t.equal(host.isRepeatable('Nope'), false)
  t.end()
})

test('an installation with a plugin too few, too many or a tool twice is not whole', async (t) => {
  const broken = [[pluginOf(names.slice(1))], [pluginOf([...names, 'Other'])], [pluginOf(names), pluginOf(['Shell'])]]
  for (const plugins of broken) await t.rejects(createPluginHost(plugins).load(), { code: 'internal' })
})

test('whole outputs go when they are old or too many, the newest stay', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'codegen-outputs-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  await pruneOutputFolders(home, Date.now())
  const now = Date.now()
  const make = (id: string, ageMs: number): string => {
    const folder = outputFolder(home, id)
    mkdirSync(folder, { recursive: true })
    utimesSync(folder, (now - ageMs) / 1_000, (now - ageMs) / 1_000)
    return folder
  }
  t.notMatch(outputFolder(home, '../../etc'), /\.\./)
  const old = make('old', limits.outputKeptMs + 60_000)
  const folders = Array.from({ length: limits.outputFoldersMax + 5 }, (_, index) => make(`run-${index}`, index * 1_000))
  await pruneOutputFolders(home, now)
  t.equal(existsSync(old), false)
  t.strictSame(
    folders.map(existsSync),
    folders.map((_, index) => index < limits.outputFoldersMax),
  )
})

test('copies of older versions go when they are old or too many; the last good one of each folder stays', async (t) => {
  const keptIn = t.testdir()
  const copies = openKeptCopies(keptIn)
  const now = Date.now()
  const make = (index: number, ageMs: number): string => {
    const digest = index.toString(16).padStart(32, '0')
    mkdirSync(join(keptIn, digest))
    writeFileSync(join(keptIn, `${digest}.json`), '[]')
    utimesSync(join(keptIn, digest), (now - ageMs) / 1_000, (now - ageMs) / 1_000)
    return digest
  }
  const [good, gone] = [make(0, 0), make(1, 0)]
  await copies.noteGood('/here', good)
  await copies.noteGood('/gone', gone)
  for (const digest of [good, gone]) utimesSync(join(keptIn, digest), 1, 1)
  const old = make(2, limits.pluginCopyKeptMs + 60_000)
  // Of servers there are definitions alone.
  const [server, lost] = ['f'.repeat(32), 'e'.repeat(32)]
  await copies.noteGood('/here#notes', server)
  for (const digest of [server, lost]) {
    writeFileSync(join(keptIn, `${digest}.json`), '{}')
    utimesSync(join(keptIn, `${digest}.json`), 1, 1)
  }
  const young = Array.from({ length: limits.pluginCopiesMax + 3 }, (_, index) => make(index + 3, index * 1_000))
  await openKeptCopies(keptIn).prune(['/here'], now)
  const isThere = (digest: string): boolean =>
    existsSync(join(keptIn, digest)) && existsSync(join(keptIn, `${digest}.json`))
  t.strictSame([good, gone, old].map(isThere), [true, false, false])
  t.strictSame(
    [server, lost].map((digest) => existsSync(join(keptIn, `${digest}.json`))),
    [true, false],
  )
  t.strictSame(
    young.map(isThere),
    young.map((_, index) => index < limits.pluginCopiesMax),
  )
  t.equal(await openKeptCopies(keptIn).lastGood('/here'), good)
  t.equal(await openKeptCopies(keptIn).lastGood('/gone'), undefined)
  writeFileSync(join(keptIn, 'last-good.json'), '{"/here":"../../etc"}')
  t.equal(await openKeptCopies(keptIn).lastGood('/here'), undefined)
})

test('where other packages lie as well, only what says it is a plugin is looked at; a root may come later', async (t) => {
  const home = t.testdir({ plugins: {} })
  const checkout = join(home, 'checkout', 'plugins')
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined }
  const otherRoots = [{ folder: checkout, except: new Set(['shell']) }]
  const machine = { environment: {}, requireSandbox: false }
  const plugins = createForeignPlugins({ home, otherRoots, ...machine, toolsChanged: () => undefined, log })
  t.teardown(plugins.stop)
  await plugins.start()
  t.strictSame(plugins.list(), [])
  const packages = {
    shell: { name: 'shell', codegen: { api: 1, main: './plugin.js' } },
    kit: { name: 'kit' },
    mine: { name: 'mine', codegen: { api: 1, main: './plugin.js' } },
    wrong: { name: 'wrong', codegen: { api: 7, main: './plugin.js' } },
  }
  for (const [name, manifest] of Object.entries(packages)) {
    mkdirSync(join(checkout, name), { recursive: true, mode: 0o700 })
    writeFileSync(join(checkout, name, 'package.json'), JSON.stringify(manifest), { mode: 0o600 })
  }
  chmodSync(checkout, 0o700)
  while (plugins.list().length < 2) await delay(10)
  t.match(
    plugins.list().map(({ name, state }) => `${name} ${state}`),
    ['mine asks', 'wrong refused'],
  )
})
