import { once } from 'node:events'
import { parseArgs } from 'node:util'
import { ScenarioError, startScriptedModel } from './scripted-model.ts'

const usage = 'usage: scripted-model SCENARIO.yaml [--port N] [--host ADDRESS] [--log FILE]\n'

/** Plays a scenario until it is interrupted. Prints one line: the URL for OPENAI_BASE_URL. */
async function main(): Promise<number> {
  const options = readOptions()
  if (!options) {
    process.stderr.write(usage)
    return 2
  }
  const interrupted = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  const model = await startScriptedModel(options)
  process.stdout.write(`${model.url}\n`)
  await interrupted
  await model.stop()
  return 0
}

function readOptions() {
  try {
    const options = { port: { type: 'string' }, host: { type: 'string' }, log: { type: 'string' } } as const
    const { positionals, values } = parseArgs({ options, allowPositionals: true })
    const [scenario, ...rest] = positionals
    const { port = '0', ...others } = values
    if (scenario === undefined || rest.length > 0 || !/^\d{1,5}$/.test(port)) return undefined
    return { scenario, port: Number(port), ...others }
  } catch {
    return undefined
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  const isExpected = error instanceof ScenarioError || (error instanceof Error && 'code' in error)
  process.stderr.write(`${isExpected ? error.message : String(error)}\n`)
  process.exitCode = 1
}
