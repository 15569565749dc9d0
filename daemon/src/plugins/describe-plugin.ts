import { readFile, rename, writeFile } from 'node:fs/promises'
import { parseDescription } from './parse-description.ts'
import type { Description } from './parse-description.ts'
import type { PluginProcess, PluginProgram } from '#plugin-process/plugin-process'

/** What a plugin has, and the process that said so where there had to be one. */
export type Described = Description & { readonly running: PluginProcess | undefined }

/**
 * What the tools and hooks of a plugin's kept copy are: from the file beside the copy, or by starting it once, whose answer is kept in that file. Fails with plugin.broken; no
 * process is left then.
 */
export async function describePlugin(program: PluginProgram): Promise<Described> {
  const file = program.definitionsFile
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return { ...parseDescription(JSON.parse(known)), running: undefined }
  const running = program.start()
  const described = await running.describe()
  try {
    const description = parseDescription(described)
    await writeFile(`${file}.new`, JSON.stringify(description), { mode: 0o600 })
    await rename(`${file}.new`, file)
    return { ...description, running }
  } catch (error) {
    running.end()
    throw error
  }
}
