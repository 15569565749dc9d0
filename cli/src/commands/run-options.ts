import { statSync } from 'node:fs'
import { resolve } from 'node:path'
import { Failure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { Invocation, Option } from './command.ts'

const ask: Option = { name: 'ask', summary: 'ask before every call that may change something (default)' }
const auto: Option = { name: 'auto', summary: 'ask nothing that the policy allows' }
const readOnly: Option = { name: 'read-only', summary: 'no changes' }
const cwd: Option = {
  name: 'cwd',
  short: 'C',
  value: 'DIR',
  summary: 'work there instead of here',
  completes: 'folders',
}
const model: Option = { name: 'model', short: 'm', value: 'NAME', summary: 'the model to use' }
const maxTurns: Option = { name: 'max-turns', value: 'N', summary: 'end after N answers of the model' }

/** How much is asked, and where the work is. */
export const placeOptions: readonly Option[] = [ask, auto, readOnly, cwd]

/** What every command that starts runs takes. */
export const runOptions: readonly Option[] = [...placeOptions, model, maxTurns]

export type RunSettings = {
  mode: 'ask' | 'auto' | 'read-only'
  /** Absolute, and a folder. */
  cwd: string
  model?: string
  limits?: { turns: number }
}

/** The settings of the runs this command line starts. Fails with request.invalid, naming the option and what fits. */
export function parseRunSettings({ has, value }: Pick<Invocation, 'has' | 'value'>): RunSettings {
  const modes = [ask, auto, readOnly].filter(has)
  if (modes.length > 1) throw usage(`--${modes[0]?.name} and --${modes[1]?.name} cannot both be meant; choose one.`)
  const turns = value(maxTurns)
  const modelName = value(model)
  return {
    mode: has(auto) ? 'auto' : has(readOnly) ? 'read-only' : 'ask',
    cwd: findFolder(value(cwd)),
    ...(modelName === undefined ? {} : { model: modelName }),
    ...(turns === undefined ? {} : { limits: { turns: parseTurns(turns) } }),
  }
}

function findFolder(given: string | undefined): string {
  const folder = resolve(given ?? '.')
  if (given === undefined || statSync(folder, { throwIfNoEntry: false })?.isDirectory()) return folder
  throw usage(`There is no folder ${folder}; --cwd takes one that exists.`)
}

function parseTurns(text: string): number {
  const turns = /^\d{1,6}$/.test(text) ? Number(text) : 0
  if (turns >= 1 && turns <= limits.turnsMax) return turns
  throw usage(`--max-turns takes a number from 1 to ${limits.turnsMax}, not ${text.slice(0, 40)}.`)
}

function usage(sentence: string): Failure {
  return new Failure('request.invalid', sentence)
}
