import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtInTools } from '@codegen/protocol/built-in'
import { test } from 'tap'
import type { Tool } from '@codegen/kit'
import { limits } from '#limits'
import { createPluginHost } from './host.ts'
import type { BuiltInPlugin } from './host.ts'
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
    host.list().map(({ name, source }) => `${name} ${source}`),
    names.map((name) => `${name} built-in`),
  )
  t.equal(loads, 0)
  await Promise.all([host.load(), host.load(), host.find('Shell')])
  t.equal(loads, 1)
  t.equal((await host.find('Edit')).tool.name, 'Edit')
  await t.rejects(host.find('Nope'), { code: 'tool.unknown' })
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
