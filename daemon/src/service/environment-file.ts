import { readFileSync } from 'node:fs'
import { Failure } from '@codegen/protocol/failure'
import type { Environment } from '#config'

/** What codegend is worth being told at login that it would otherwise take from a terminal. */
export const settingNames = [
  'OPENAI_API_KEY',
  'OPENAI_BASE_URL',
  'CODEGEN_MODEL',
  'CODEGEN_MODEL_API',
  'CODEGEN_MAESTRO_URL',
  'CODEGEN_TOKEN',
  'DATABASE_URL',
  'REDIS_URL',
]

/** The settings that were taken along, name -> line. None where there is no file. */
export function readSettings(path: string): Map<string, string> {
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return new Map()
  }
  const lines = text.split('\n').filter((line) => /^[A-Za-z_][A-Za-z0-9_]*=/.test(line))
  return new Map(lines.map((line) => [line.slice(0, line.indexOf('=')), line]))
}

/** The file's text with `names` as they are in `environment` now; what was taken along before stays. Fails with request.invalid, naming the variable, never its value. */
export function renderSettings(
  kept: ReadonlyMap<string, string>,
  names: readonly string[],
  environment: Environment,
): string {
  const settings = new Map(kept)
  for (const name of names) settings.set(name, toLine(name, environment[name]))
  return `# Settings of codegend at login, taken along by "codegen service install --with-env". One NAME=VALUE a line, taken as it is.\n${[...settings.values()].map((line) => `${line}\n`).join('')}`
}

function toLine(name: string, value: string | undefined): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    throw new Failure(
      'request.invalid',
      `--with-env takes names of variables with commas between them, not "${name.slice(0, 60)}".`,
    )
  if (value === undefined) throw new Failure('request.invalid', `--with-env: ${name} is not set here.`)
  if (/[\r\n\0]/.test(value)) throw new Failure('request.invalid', `--with-env: ${name} has more than one line.`)
  return `${name}=${value}`
}
