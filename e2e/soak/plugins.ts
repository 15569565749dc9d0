import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** The plugins of a soak: the one the runs call, one that is removed and comes back, one that crashes. */
export const pluginNames = ['steady', 'coming', 'crashing'] as const
export type PluginName = (typeof pluginNames)[number]

/** The folder of plugins, and how it changes. What is dropped is renamed into place as a whole. */
export type PluginFolder = {
  drop(name: PluginName, code: string): void
  /** Writes the code over the one that is there. */
  write(name: PluginName, code: string): void
  remove(name: PluginName): void
}

export function createPluginFolder(home: string): PluginFolder {
  const [plugins, aside] = [join(home, 'plugins'), join(home, 'aside')]
  for (const folder of [plugins, aside]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  let count = 0
  const remove = (name: PluginName): void => {
    const old = join(aside, `old-${(count += 1)}`)
    try {
      renameSync(join(plugins, name), old)
    } catch {
      return
    }
    rmSync(old, { recursive: true, force: true })
  }
  return {
    remove,
    drop(name, code) {
      const fresh = join(aside, `fresh-${(count += 1)}`)
      mkdirSync(fresh, { mode: 0o700 })
      writeFileSync(join(fresh, 'package.json'), manifestOf(name), { mode: 0o600 })
      writeFileSync(join(fresh, 'plugin.js'), code, { mode: 0o600 })
      remove(name)
      renameSync(fresh, join(plugins, name))
    },
    write: (name, code) => writeFileSync(join(plugins, name, 'plugin.js'), code, { mode: 0o600 }),
  }
}

function manifestOf(name: PluginName): string {
  const codegen = { api: 1, main: './plugin.js', permissions: { read: ['workspace'] } }
  return JSON.stringify({ name, version: '1.0.0', type: 'module', codegen })
}

/** A good version. Its tools say that they only read, so that nobody has to be asked. */
export function goodCode(name: PluginName, version: number): string {
  const prefix = name.charAt(0).toUpperCase() + name.slice(1)
  return `// ${version}
const base = { description: 'Version ${version}.', annotations: { readOnly: true }, parameters: { type: 'object' } }
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
export default {
  tools: [
    { ...base, name: '${prefix}Echo', run: ({ text }, context) => (context.progress('echo'), 'version ${version}: ' + text) },
    { ...base, name: '${prefix}Read', run: async (_given, context) => String((await context.files.read('notes.txt', { bytesMax: 1_000 })).size) },
    { ...base, name: '${prefix}Wait', run: async ({ ms }) => (await wait(ms), 'waited') },
    { ...base, name: '${prefix}Flood', run: (_given, context) => {
      for (let line = 0; line < 20_000; line += 1) context.output('line ' + line + ' of a flood\\n')
      return 'flooded'
    } },
    { ...base, name: '${prefix}Crash', run: () => process.exit(3) },
  ],
}
`
}

/** A version that is broken, each in another way. */
export function brokenCode(version: number): string {
  const kinds = ['const a = = 1', "throw new Error('no')", 'export default {}', 'process.exit(1)']
  return `// ${version}\n${kinds[version % kinds.length]}\n`
}
