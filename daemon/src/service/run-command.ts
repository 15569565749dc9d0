import { execFile } from 'node:child_process'
import type { Environment } from '#config'
import { limits } from '#limits'
import type { Argv } from './login-service.ts'

export type CommandEnd = { readonly isDone: boolean; readonly output: string; readonly complaint: string }

/** Runs a command of the system to its end, bounded by limits.serviceCommandMsMax. That it is not there, or fails, is a value. */
export function runCommand(argv: Argv, environment: Environment, signal?: AbortSignal): Promise<CommandEnd> {
  const [file, ...args] = argv
  const env = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== undefined))
  const options = { env, timeout: limits.serviceCommandMsMax, encoding: 'utf8' as const, ...(signal ? { signal } : {}) }
  return new Promise((resolve) => {
    execFile(file, args, options, (error, stdout, stderr) => {
      const complaint = stderr.trim().split('\n').at(-1) || error?.message.split('\n')[0] || ''
      resolve({ isDone: !error, output: stdout, complaint })
    })
  })
}
