import { Failure } from '@codegen/protocol/failure'
import { limits } from '@codegen/protocol/limits'
import type { Invocation, Option } from './command.ts'

export const follow: Option = { name: 'follow', short: 'f', summary: 'go on with what comes, until Ctrl-C' }
export const lines: Option = { name: 'lines', short: 'n', value: 'N', summary: 'the newest N lines (50)' }

/** How many lines are wanted. Fails with request.invalid. */
export function parseLines(value: Invocation['value']): number {
  const count = value(lines) ?? '50'
  const max = limits.logLinesMax
  if (/^\d{1,9}$/.test(count) && Number(count) <= max) return Number(count)
  throw new Failure('request.invalid', `--lines takes a number from 0 to ${max}, not ${count.slice(0, 40)}.`)
}
