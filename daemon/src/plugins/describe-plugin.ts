import { readFile, rename, writeFile } from 'node:fs/promises'
import type { ToolDefinition } from '@codegen/protocol/tool'
import { parseTools } from './parse-tools.ts'
import type { PluginProcess, PluginProgram } from '#plugin-process/plugin-process'

/** The tools of a plugin, and the process that said so where there had to be one. */
export type Described = { readonly tools: readonly ToolDefinition[]; readonly running: PluginProcess | undefined }

/**
 * What the tools of a plugin's kept copy are: from the file beside the copy, or by starting it once, whose answer is kept in that file. Fails with plugin.broken; no
 * process is left then.
 */
export async function describePlugin(program: PluginProgram): Promise<Described> {
  const file = program.definitionsFile
  const known = await readFile(file, 'utf8').catch(() => undefined)
  if (known !== undefined) return { tools: parseTools(JSON.parse(known)), running: undefined }
  const running = program.start()
  const described = await running.describe()
  try {
    const tools = parseTools(described)
    await writeFile(`${file}.new`, JSON.stringify(tools), { mode: 0o600 })
    await rename(`${file}.new`, file)
    return { tools, running }
  } catch (error) {
    running.end()
    throw error
  }
}
