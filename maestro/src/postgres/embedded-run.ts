import { spawn } from 'node:child_process'
import { limits } from '#limits'
import type { Command } from './embedded-account.ts'

/** Runs a command to its end. Rejects with the last line it wrote when it fails, takes too long or is cancelled (it is then killed). */
export async function run(command: Command, signal?: AbortSignal): Promise<void> {
  const late = AbortSignal.timeout(limits.embedded.createMsMax)
  const child = spawn(command.file, command.args, {
    ...command.options,
    stdio: ['ignore', 'ignore', 'pipe'],
    signal: signal ? AbortSignal.any([signal, late]) : late,
    killSignal: 'SIGKILL',
  })
  let written = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    written = `${written}${chunk}`.slice(-4_000)
  })
  await new Promise<void>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, killedBy) => {
      if (code === 0) resolve()
      else reject(new Error(lastLine(written) || `${command.file} ended with ${code ?? killedBy}`))
    })
  })
}

/** The last line that says something, without the marks of a log. */
export function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  return (lines.at(-1) ?? '').replace(/^.*?(FATAL|ERROR|PANIC):\s*/, '').trim()
}
