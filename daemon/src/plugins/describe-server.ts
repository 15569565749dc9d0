import { readFile, rename, writeFile } from 'node:fs/promises'
import { ToolDefinition } from '@codegen/protocol/tool'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Offer, PluginProcess, PluginProgram } from '#plugin-process/plugin-process'

const validator = Compile(Type.Object({ tools: Type.Array(ToolDefinition), leftOut: Type.Array(Type.String()) }))

/**
 * What a server offers: from the file where that is kept, or by starting it once, whose answer is kept in that file. Fails with plugin.broken; no process is left
 * then.
 */
export async function describeServer(
  program: PluginProgram,
  redefined: (offer: Offer) => void,
): Promise<{ offer: Offer; running: PluginProcess | undefined }> {
  const known = await readFile(program.definitionsFile, 'utf8').then(parse, () => undefined)
  if (known) return { offer: known, running: undefined }
  const running = program.start(redefined)
  try {
    const described = await running.describe()
    if (!validator.Check(described)) throw new TypeError('A server was described by something that is no offer.')
    const offer = { tools: described.tools, leftOut: described.leftOut }
    await keepOffer(program.definitionsFile, offer)
    return { offer, running }
  } catch (error) {
    running.end()
    throw error
  }
}

export async function keepOffer(file: string, { tools, leftOut }: Offer): Promise<void> {
  await writeFile(`${file}.new`, JSON.stringify({ tools, leftOut }), { mode: 0o600 })
  await rename(`${file}.new`, file)
}

function parse(text: string): Offer | undefined {
  try {
    const found: unknown = JSON.parse(text)
    return validator.Check(found) ? found : undefined
  } catch {
    return undefined
  }
}
