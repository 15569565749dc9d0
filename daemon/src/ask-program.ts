import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Failure } from '@codegen/protocol/failure'
import { limits as protocolLimits } from '@codegen/protocol/limits'
import type { LogLevel } from '@codegen/protocol/local'
import { lookAtAll } from '#doctor/look'
import { machineLooks } from '#doctor/machine'
import { loadConfig } from './config.ts'
import type { Environment } from './config.ts'
import { readLastLines } from './log-reader.ts'

/** `codegend doctor`: what can be looked at although no codegend runs, as one line of JSON. */
export async function askDoctor(environment: Environment): Promise<string> {
  const checks = await lookAtAll(machineLooks(environment), AbortSignal.timeout(protocolLimits.doctorMsMax))
  return `${JSON.stringify({ checks })}\n`
}

/** `codegend logs`: the newest lines of the log although no codegend runs, as one line of JSON. */
export async function askLogs(args: readonly string[], environment: Environment): Promise<string> {
  const { lines, level, run } = parseFlags(args)
  const filter = { ...(isLevel(level) ? { level } : {}), ...(run === undefined ? {} : { run }) }
  const path = join(loadConfig(environment).home, 'log', 'codegend.log')
  return `${JSON.stringify({ lines: await readLastLines(path, Number(lines ?? 50), filter) })}\n`
}

function parseFlags(args: readonly string[]): { lines?: string; level?: string; run?: string } {
  const text = { type: 'string' } as const
  try {
    return parseArgs({ args: [...args], options: { lines: text, level: text, run: text } }).values
  } catch (cause) {
    throw new Failure('config.invalid', 'codegend logs takes --lines, --level and --run.', { cause })
  }
}

function isLevel(word: string | undefined): word is LogLevel {
  return word === 'info' || word === 'warn' || word === 'error'
}
