import { readFile } from 'node:fs/promises'
import { Compile } from 'typebox/compile'
import { parseDocument } from 'yaml'
import { findMistake } from './find-mistake.ts'
import { limits } from './limits.ts'
import { Scenario } from './scenario.ts'

/** A scenario that cannot be played. The message is one sentence: the file, the place in it, what is wrong. */
export class ScenarioError extends Error {
  override readonly name = 'ScenarioError'
}

/** Reads a scenario file. Fails with a ScenarioError when the file is absent, is not YAML, or is no scenario. */
export async function loadScenario(path: string): Promise<Scenario> {
  const document = parseDocument(await readScenario(path), { prettyErrors: true })
  const problem = document.errors[0]
  if (problem) {
    const [sentence = problem.message] = problem.message.split(/:?\n/)
    throw new ScenarioError(`${path}: ${sentence.trim()}.`, { cause: problem })
  }
  return parseScenario(document.toJS(), path)
}

/** Takes a value for a scenario. Fails with a ScenarioError that begins with `source`. */
export function parseScenario(value: unknown, source: string): Scenario {
  if (!scenarioCheck.Check(value)) throw new ScenarioError(`${source}: ${describeFirst(value)}.`)
  const mistake = findMistake(value)
  if (mistake) throw new ScenarioError(`${source}: ${mistake.path}: ${mistake.problem}.`)
  return value
}

const scenarioCheck = Compile(Scenario)

async function readScenario(path: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    const reason = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT' ? 'no such file' : String(cause)
    throw new ScenarioError(`${path}: cannot read the scenario (${reason}).`, { cause })
  })
  if (text.length > limits.scenarioBytesMax) {
    throw new ScenarioError(`${path}: a scenario is at most ${String(limits.scenarioBytesMax)} bytes.`)
  }
  return text
}

function describeFirst(value: unknown): string {
  // The validator names an unknown key twice; the second time with what it means.
  const error = scenarioCheck.Errors(value).find(({ keyword }) => keyword !== 'boolean')
  if (!error) return 'not a scenario'
  const path = toDottedPath(error.instancePath)
  const { params } = error
  if ('additionalProperties' in params) return `${path}: unknown key ${params.additionalProperties.join(', ')}`
  if ('requiredProperties' in params) return `${path}: ${params.requiredProperties.join(', ')} is missing`
  return `${path}: ${error.message}`
}

/** `/steps/0/calls/1` -> `steps[1].calls[2]`: people count from one. */
function toDottedPath(pointer: string): string {
  const path = pointer
    .split('/')
    .slice(1)
    .map((key) => (/^\d+$/.test(key) ? `[${String(Number(key) + 1)}]` : `.${key}`))
    .join('')
  return path.replace(/^\./, '') || 'the file'
}
